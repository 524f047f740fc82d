// The same drawings as annotation/ui/icons.py: 16 pixels, strokes of one and a half.

export const LINES: Record<string, string> = {
  play: "M5 3.2v9.6c0 .5.5.8 1 .5l7-4.8c.4-.3.4-.8 0-1L6 2.7c-.5-.3-1 0-1 .5z",
  pause: "M4.5 3h2.2v10H4.5zM9.3 3h2.2v10H9.3z",
  replay: "M3 8a5 5 0 1 0 1.6-3.7M3 2.6v2.6h2.6",
  loop: "M4 5.5h6.5a2.5 2.5 0 0 1 2.5 2.5M12 10.5H5.5A2.5 2.5 0 0 1 3 8M6 3.5l-2 2 2 2M10 8.5l2 2-2 2",
  back: "M9.5 3.5 5 8l4.5 4.5",
  next: "M6.5 3.5 11 8l-4.5 4.5",
  lock: "M4.5 7V5.2a3.5 3.5 0 0 1 7 0V7M3.5 7h9v6.5h-9z",
  unlock: "M4.5 7V5.2a3.5 3.5 0 0 1 6.8-1.2M3.5 7h9v6.5h-9z",
  warning: "M8 2.5 14 13H2zM8 6.5v3M8 11.3v.1",
  cross: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5 6.5 12 13 4.5",
  search: "M7 11.5a4.5 4.5 0 1 0 0-9 4.5 4.5 0 0 0 0 9zM10.4 10.4l3.1 3.1",
  undo: "M5.5 3 3 5.5 5.5 8M3 5.5h6a4 4 0 0 1 0 8H6",
  split: "M8 2v3M8 11v3M3 8h2M11 8h2M8 7v2M5.5 5.5 3 8l2.5 2.5M10.5 5.5 13 8l-2.5 2.5",
  merge: "M2.5 8h3.5M13.5 8H10M4 5.5 6.5 8 4 10.5M12 5.5 9.5 8l2.5 2.5",
  keys: "M2 4.5h12v7H2zM4.5 7h.1M7 7h.1M9.5 7h.1M12 7h-.1M5 9.5h6",
  edit: "M3 13l.7-3L10.5 3.2l2.3 2.3L6 12.3zM9.2 4.5l2.3 2.3",
  tag: "M2.5 3h5L13.5 9l-4.6 4.6L2.5 7.5zM5.2 5.7h.1",
};

const FILLED = new Set(["play", "pause"]);

export function filled(name: string): boolean {
  return FILLED.has(name);
}
