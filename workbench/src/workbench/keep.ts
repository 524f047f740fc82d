// What outlives the page, in IndexedDB: texts that are typed and not decided, and decisions not confirmed.
// Both are removed once the server has them, so nothing grows. On a shared computer only memory is used.

import { openDB, type DBSchema, type IDBPDatabase } from "idb";
import type { Entry, Shelf } from "./outbox";

export interface Draft {
  segment: string;
  text: string;
  /** The revision that it stands on, and what that said. */
  base: number;
  baseText: string;
  at: number;
}

interface Schema extends DBSchema {
  drafts: { key: [string, string]; value: Draft & { person: string } };
  outbox: { key: string; value: Entry & { person: string }; indexes: { person: string } };
}

export class Keep implements Shelf {
  private readonly memory = new Map<string, Draft>();

  private constructor(
    private readonly person: string,
    private readonly db: IDBPDatabase<Schema> | null,
    readonly shared: boolean,
  ) {}

  static async open(person: string, shared = false): Promise<Keep> {
    if (shared) return new Keep(person, null, true);
    try {
      const db = await openDB<Schema>("earmark", 1, {
        upgrade(fresh) {
          fresh.createObjectStore("drafts", { keyPath: ["person", "segment"] });
          fresh.createObjectStore("outbox", { keyPath: "operation" }).createIndex("person", "person");
        },
      });
      return new Keep(person, db, false);
    } catch {
      return new Keep(person, null, false);
    }
  }

  /** Tell whether what is typed outlives the page. */
  get lasting(): boolean {
    return this.db !== null;
  }

  async draft(segment: string): Promise<Draft | null> {
    if (!this.db) return this.memory.get(segment) ?? null;
    return (await this.db.get("drafts", [this.person, segment])) ?? null;
  }

  async drafts(): Promise<Draft[]> {
    if (!this.db) return [...this.memory.values()];
    return this.db.getAll("drafts", IDBKeyRange.bound([this.person, ""], [this.person, "\uffff"]));
  }

  /** Keep a text; false when the browser refuses. */
  async write(draft: Draft): Promise<boolean> {
    this.memory.set(draft.segment, draft);
    if (!this.db) return this.shared;
    try {
      await this.db.put("drafts", { ...draft, person: this.person });
      return true;
    } catch {
      return false;
    }
  }

  async forget(segment: string): Promise<void> {
    this.memory.delete(segment);
    await this.db?.delete("drafts", [this.person, segment]).catch(() => undefined);
  }

  async put(entry: Entry): Promise<void> {
    await this.db?.put("outbox", { ...entry, person: this.person });
  }

  async remove(operation: string): Promise<void> {
    await this.db?.delete("outbox", operation).catch(() => undefined);
  }

  async entries(): Promise<Entry[]> {
    return this.db ? this.db.getAllFromIndex("outbox", "person", this.person) : [];
  }
}
