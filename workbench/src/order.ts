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
