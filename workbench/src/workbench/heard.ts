// How much of a segment was really played, and how long somebody really worked on it.

/** Stretches of a segment that were played, joined. */
export class Heard {
  private spans: [number, number][] = [];

  constructor(
    private readonly start: number,
    private readonly end: number,
  ) {}

  /** Sound ran from one time of the recording to another. */
  mark(from: number, to: number): void {
    const a = Math.max(this.start, from);
    const b = Math.min(this.end, to);
    if (b <= a) return;
    const joined: [number, number][] = [];
    let [low, high] = [a, b];
    for (const [x, y] of this.spans) {
      if (y < low || x > high) joined.push([x, y]);
      else [low, high] = [Math.min(low, x), Math.max(high, y)];
    }
    joined.push([low, high]);
    this.spans = joined;
  }

  get share(): number {
    const whole = this.end - this.start;
    const played = this.spans.reduce((sum, [a, b]) => sum + b - a, 0);
    // A frame is lost at each end of a playback.
    return whole > 0 ? Math.min(1, (played + 60) / whole) : 1;
  }

  get any(): boolean {
    return this.spans.length > 0;
  }
}

export const IDLE_MS = 60_000;

/** Time spent, without the minutes in which nothing happened. */
export class Active {
  private sum = 0;
  private last: number;

  constructor(now: number) {
    this.last = now;
  }

  mark(now: number): void {
    const passed = now - this.last;
    if (passed < IDLE_MS) this.sum += passed;
    this.last = now;
  }

  get ms(): number {
    return Math.round(this.sum);
  }
}
