// Sound and typing: it stops while somebody types and goes on a moment after, a little before where it was.

export type WhileTyping = "pause" | "loop" | "off";


export interface Sounding {
  readonly playing: boolean;
  pause(): void;
  back(ms: number): void;
  play(): void;
}

export class TypingPause {
  mode: WhileTyping = "pause";
  resumeMs = 800;
  rewindMs = 1_000;
  private last = -Infinity;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly sound: Sounding) {}

  /** A key has changed the text. */
  typed(): void {
    this.last = Date.now();
    if (this.mode !== "pause") return;
    const waits = this.timer !== undefined;
    clearTimeout(this.timer);
    this.timer = undefined;
    // Only what was playing goes on by itself: silence that a person chose stays.
    if (!this.sound.playing && !waits) return;
    if (this.sound.playing) this.sound.pause();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      this.sound.back(this.rewindMs);
      this.sound.play();
    }, this.resumeMs);
  }

  /** Whether the sound goes round while somebody types. */
  get loops(): boolean {
    return this.mode === "loop" && Date.now() - this.last < 3_000;
  }

  /** A person pressed play or pause, or left: nothing starts by itself any more. */
  forget(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
