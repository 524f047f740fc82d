// What a person has in hand: the rows, the open segment, its box, and the facts behind the light.

import type { QueueCounts } from "../api/schema";
import { Order } from "../order";
import { api, type RowsPage } from "./api";
import type { Check } from "./checks";
import { Clips } from "./clips";
import type { Given } from "./given";
import { Active, Heard } from "./heard";
import type { Keep } from "./keep";
import { lightOf, type Light } from "./light";
import { byTime, counts, picked, type Asked } from "./list";
import { offersOf, type Conflict, type Holder, type Newer } from "./offers";
import type { Outbox } from "./outbox";
import { Player } from "./player.svelte";
import type { Facets, Person, Progress, Row, Segment, Settings } from "./types";
import { History } from "./undo";

/** Rows are asked for in pages of so many. */
export const PAGE = 1_000;
const SAID_MS = 8_000;

export abstract class State {
  recording = $state.raw<{ id: string; name: string; duration_ms: number; language: string; state: string }>({ id: "", name: "", duration_ms: 0, language: "", state: "" });
  rows = $state.raw<Row[]>([]);
  facets = $state.raw<Facets | null>(null);
  loading = $state(true);
  trouble = $state("");
  asked = $state<Asked>({ show: "all", order: "time", speaker: "", search: "" });
  found = $state.raw<ReadonlySet<string> | null>(null);
  shown = $derived.by(() => picked(this.rows, this.asked, this.given.username, this.found));
  counts = $derived.by(() => counts(this.rows, this.given.username));
  current = $state<string | null>(null);
  segment = $state.raw<Segment | null>(null);
  text = $state("");
  checks = $state.raw<Check[]>([]);
  conflict = $state.raw<Conflict | null>(null);
  holder = $state.raw<Holder | null>(null);
  /** Who asks for the open segment. */
  wanted = $state("");
  restored = $state<number | null>(null);
  /** A text that came while the box was in use. */
  newer = $state.raw<Newer | null>(null);
  share = $state(0);
  dirty = $derived.by(() => this.segment !== null && this.text !== this.stood);
  /** What could go into the box instead, the newest first. */
  offers = $derived(offersOf(this.segment, this.newer));
  people = $state.raw<Person[]>([]);
  progress = $state.raw<Progress | null>(null);
  light = $state.raw<Light>({ state: "", text: "" });
  live = $state<"live" | "polling" | "closed">("polling");
  said = $state("");
  /** Counts up whenever the comments of the open segment may have changed. */
  spoken = $state(0);
  conflicts = $state.raw<string[]>([]);
  undoable = $state(0);
  settings: Settings;
  /** A queue that has run dry. */
  done = $state(false);
  /** What the queue then held for others. */
  left = $state.raw<QueueCounts | null>(null);
  readonly player = new Player();
  readonly clips: Clips;
  /** Told that the box should take the caret; set by the box. */
  focusBox: (where?: "end" | number) => void = () => undefined;
  ask: (what: "skip" | "unlock") => void = () => undefined;
  protected stood = $state("");
  protected base = 0;
  protected token: string | null = null;
  protected leaseAt = 0;
  protected touchedAt = 0;
  protected heard = new Heard(0, 0);
  protected active = new Active(0);
  protected overridden = "";
  /** Texts typed and not decided; true once the server has them as well. */
  protected readonly kept = new Map<string, boolean>();
  protected sending = 0;
  protected refusedKeep = false;
  protected savedAt: Date | null = null;
  protected readonly details = new Map<string, Promise<Segment | null>>();
  protected readonly ready = new Map<string, Segment>();
  protected readonly order = new Order();
  protected readonly undo = new History();
  protected readonly waiting = new Map<string, () => void>();
  protected queue: string[] = [];
  protected outbox: Outbox | null = null;
  protected keep: Keep | null = null;
  protected keepTimer: number | undefined;
  protected draftTimer: number | undefined;
  protected leaseTimer: number | undefined;
  protected resendTimer: number | undefined;
  protected measureTimer: number | undefined;
  protected opened = 0;
  /** Typed into since the page was opened: what this browser keeps of them is the newest there is. */
  protected readonly typedHere = new Set<string>();
  /** What was open when an undo was asked for. */
  protected readonly turns = new Map<string, number>();
  protected shaping: Promise<void> = Promise.resolve();
  /** Own changes of shape whose answers are on their way: what is announced of them is left to those. */
  protected reshaping = 0;
  /** The rest of a long recording's rows. */
  protected resting: Promise<void> = Promise.resolve();
  /** Fulfilled once what an earlier page left here is in the outbox. */
  protected taken: Promise<void> = Promise.resolve();
  protected focusAfterUndo = true;

  constructor(readonly given: Given) {
    this.settings = $state.raw(given.settings);
    this.clips = new Clips(given.context_ms);
    this.player.played = (from, to) => {
      this.heard.mark(from, to);
      this.share = this.heard.share;
      this.touchedAt = Date.now();
    };
  }

  /** The text before or after, as it is by now: the list knows sooner than what was read with the segment. */
  beside(which: "previous" | "next"): { id: string; text: string } | null {
    const known = this.segment?.neighbours?.[which];
    if (!known) return null;
    const head = this.row(known.id)?.head ?? "";
    if (head === "" || head === known.text.slice(0, 80)) return { id: known.id, text: known.text };
    return { id: known.id, text: head.length < 80 ? head : `${head}…` };
  }

  row(id: string | null): Row | null {
    return id === null ? null : (this.rows.find((row) => row.id === id) ?? null);
  }

  /** Take over the rows of an answer to question `asked`, where nothing newer is known of them. */
  protected merge(page: RowsPage, asked: number): void {
    // The person went on to another recording meanwhile.
    if (page.recording !== this.recording.id) return;
    const known = new Map(this.rows.map((row) => [row.id, row]));
    for (const row of page.rows) {
      const old = known.get(row.id);
      // An answer that was on its way while something newer was saved must not turn it back.
      if ((!old || row.revision >= old.revision) && this.order.newest(row.id, asked)) known.set(row.id, row);
    }
    this.rows = [...known.values()].sort(byTime);
  }

  /** Take rows away that are no more; an answer that is on its way must not bring them back. */
  protected drop(ids: readonly string[]): void {
    const gone = new Set(ids);
    const asked = this.order.ask();
    for (const id of gone) this.order.newest(id, asked);
    this.rows = this.rows.filter((row) => !gone.has(row.id));
  }

  protected change(id: string, what: Partial<Row>): void {
    const at = this.rows.findIndex((row) => row.id === id);
    if (at >= 0) this.rows = this.rows.with(at, { ...this.rows[at]!, ...what });
  }

  /** Search the whole texts at the server; what the list shows of them is searched at once. */
  async search(text: string): Promise<void> {
    this.asked.search = text;
    if (text.trim().length < 2) {
      this.found = null;
      return;
    }
    const answer = await api.rows(this.recording.id, { search: text.trim(), limit: PAGE });
    if (answer.ok && this.asked.search === text) this.found = new Set(answer.value.rows.map((row) => row.id));
  }

  relight(): void {
    this.light = lightOf({
      unsent: this.outbox?.unsent ?? 0,
      kept: this.onlyHere,
      drafts: this.kept.size,
      sending: this.sending > 0,
      offline: this.outbox?.offline ?? false,
      conflicts: this.conflicts.length,
      signedOut: this.outbox?.signedOut ?? false,
      refused: this.refusedKeep,
      savedAt: this.savedAt,
    });
  }

  protected get onlyHere(): number {
    return [...this.kept.values()].filter((there) => !there).length;
  }

  get unsaved(): number {
    return (this.outbox?.unsent ?? 0) + this.onlyHere;
  }

  get unsent(): number {
    return this.outbox?.unsent ?? 0;
  }

  say(words: string): void {
    this.said = "";
    queueMicrotask(() => (this.said = words));
    // What was said is about then, not about what is open later.
    window.setTimeout(() => this.said === words && (this.said = ""), SAID_MS);
  }

  get editable(): boolean {
    return this.segment !== null && !this.segment.locked && this.given.may_edit && this.holder === null && this.segment.state !== "accepted";
  }

  protected async measure(): Promise<void> {
    const midnight = new Date();
    midnight.setHours(0, 0, 0, 0);
    const answer = await api.progress(this.given.project, undefined, midnight.toISOString());
    if (answer.ok) this.progress = answer.value;
  }

  /** Read some rows anew. */
  protected abstract refresh(ids: string[]): Promise<void>;
  /** Compare everything that is shown with what is true. */
  protected abstract refreshAll(): Promise<void>;
  /** Open what most needs a person in the project. */
  abstract serve(focus?: boolean): Promise<void>;
}
