// Text that is not confirmed by the server yet, kept in this browser: one small key a segment, removed on
// confirmation, so the store never grows. A refused write is reported, never swallowed.

export interface Draft {
  text: string;
  base: number;
  at: number;
}

export interface Keep {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export class Drafts {
  constructor(
    private readonly person: string,
    private readonly keep: Keep,
  ) {}

  private key(segment: string): string {
    return `earmark.draft:${this.person}:${segment}`;
  }

  /** Keep a text; false when the browser refuses. */
  write(segment: string, draft: Draft): boolean {
    try {
      this.keep.setItem(this.key(segment), JSON.stringify(draft));
      return true;
    } catch {
      return false;
    }
  }

  read(segment: string): Draft | null {
    try {
      const data: unknown = JSON.parse(this.keep.getItem(this.key(segment)) ?? "null");
      if (typeof data !== "object" || data === null) return null;
      const { text, base, at } = data as Partial<Draft>;
      return typeof text === "string" && typeof base === "number" && typeof at === "number" ? { text, base, at } : null;
    } catch {
      return null;
    }
  }

  remove(segment: string): void {
    try {
      this.keep.removeItem(this.key(segment));
    } catch {
      // Then it is restored once more than needed, and shown to be what the server has.
    }
  }
}

/** Say what to do with a draft found on opening a row. */
export function verdict(draft: Draft | null, text: string, revision: number): "none" | "forget" | "restore" | "compare" {
  if (draft === null) return "none";
  if (draft.text === text) return "forget";
  return draft.base === revision ? "restore" : "compare";
}

/** The browser's own storage; one that keeps nothing, and says so, where a browser forbids it. */
export function storage(): Storage | { getItem(): null; setItem(): never; removeItem(): void } {
  try {
    return window.localStorage;
  } catch {
    return { getItem: () => null, setItem: () => { throw new Error("no storage"); }, removeItem: () => undefined };
  }
}
