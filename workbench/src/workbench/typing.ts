// Sound and typing: it stops while somebody types and goes on a moment after, a little before where it was.

export type WhileTyping = "pause" | "loop" | "off";

export const RESUME_MS = 800;
export const REWIND_MS = 1_000;

export interface Sounding {
  readonly playing: boolean;
  pause(): void;
  back(ms: number): void;
  play(): void;
}

export class TypingPause {
  mode: WhileTyping = "pause";
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly sound: Sounding) {}

  /** A key has changed the text. */
  typed(): void {
    if (this.mode !== "pause") return;
    const waits = this.timer !== undefined;
    clearTimeout(this.timer);
    this.timer = undefined;
    // Only what was playing goes on by itself: silence that a person chose stays.
    if (!this.sound.playing && !waits) return;
    if (this.sound.playing) this.sound.pause();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.sound.back(REWIND_MS);
      this.sound.play();
    }, RESUME_MS);
  }

  /** A person pressed play or pause, or left: nothing starts by itself any more. */
  forget(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
