// Times, sizes and speeds the way people read them.

export function clock(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const tenth = Math.floor((ms % 1000) / 100);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  const rest = String(seconds % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}.${tenth}` : `${minutes}:${rest}.${tenth}`;
}

export function size(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function left(seconds: number): string {
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 10) return "a few seconds left";
  if (seconds < 90) return `${Math.round(seconds / 5) * 5} s left`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min left`;
  return `${(seconds / 3600).toFixed(1)} h left`;
}

/** Measure speed over the last few seconds, so that it neither jumps nor lags. */
export class Speed {
  private marks: { at: number; bytes: number }[] = [];

  constructor(private readonly windowMs = 8_000) {}

  mark(bytes: number, at: number): void {
    const last = this.marks.at(-1);
    if (last !== undefined && bytes < last.bytes) this.marks = [];
    this.marks.push({ at, bytes });
    while (this.marks.length > 2 && at - (this.marks[0]?.at ?? at) > this.windowMs) this.marks.shift();
  }

  /** Bytes a second; 0 until there are two marks. */
  get value(): number {
    const first = this.marks[0];
    const last = this.marks.at(-1);
    if (first === undefined || last === undefined || last.at <= first.at) return 0;
    return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  }
}
