// What the page hands to the island, and what is assumed until a person's settings have come.

import type { Settings } from "./types";

export interface Given {
  project: string;
  project_name: string;
  /** Empty for the project's queue. */
  recording: string;
  segment: string | null;
  queue: boolean;
  username: string;
  language: string;
  may_edit: boolean;
  may_unlock: boolean;
  context_ms: number;
  nonce: string;
  home: string;
}

export const FALLBACK: Settings = {
  keys: { preset: "default", own: {} },
  playback: { auto_pause: "pause", rewind_ms: 1_000, resume_ms: 800, speed: 1, context_ms: 1_000, loop: false, autoplay: true },
  editor: { marks: true, tab_plays: false, shared_computer: false, font_px: 18, order: "time" },
};

export function given(): Given {
  const found = document.getElementById("workbench-given")?.textContent;
  if (!found) throw new Error("the page gives no data to its workbench");
  return JSON.parse(found) as Given;
}
