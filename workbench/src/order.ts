// Answers overtake each other: what a later question brought must not be turned back by an earlier one's answer.

/** Every change is asked for after it was made, so the answer to the later question is at least as new. */
export class Order {
  private asked = 0;
  private readonly shown = new Map<string, number>();

  /** Number a question that is about to be sent. */
  ask(): number {
    return ++this.asked;
  }

  /** Tell whether the answer to question `asked` may be shown for `id`; it is then what later ones are held against. */
  newest(id: string, asked: number): boolean {
    if ((this.shown.get(id) ?? 0) > asked) return false;
    this.shown.set(id, asked);
    return true;
  }
}

/** Make of `run` what never runs beside itself: asked for again meanwhile, it runs once more, so the last look is the newest. */
export function again(run: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | null = null;
  let asked = false;
  async function all(): Promise<void> {
    try {
      do {
        asked = false;
        await run();
      } while (asked);
    } finally {
      running = null;
    }
  }
  return () => {
    asked = true;
    running ??= all();
    return running;
  };
}
