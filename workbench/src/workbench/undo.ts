// The last twenty decisions, newest last.

export const MOST = 20;

export interface Decision {
  /** Names it at the server. */
  operation: string;
  segment: string;
  /** In words: "Saved", "Skipped". */
  label: string;
}

export class History {
  private readonly kept: Decision[] = [];

  push(decision: Decision): void {
    this.kept.push(decision);
    if (this.kept.length > MOST) this.kept.shift();
  }

  pop(): Decision | null {
    return this.kept.pop() ?? null;
  }

  /** A decision that was refused is none. */
  drop(operation: string): void {
    const at = this.kept.findIndex((decision) => decision.operation === operation);
    if (at >= 0) this.kept.splice(at, 1);
  }

  get size(): number {
    return this.kept.length;
  }
}
