// Which rows are shown, in which order, and which of them are on the screen.

import { FINISHED, UNTOUCHED, type Row } from "./types";

export type Show = "all" | "todo" | "risky" | "returned" | "mine" | "locked";
export type Order = "time" | "risk";

export const SHOWS: readonly (readonly [Show, string])[] = [
  ["all", "All"],
  ["todo", "To do"],
  ["risky", "Risky"],
  ["returned", "Returned"],
  ["mine", "Mine"],
  ["locked", "Locked"],
];

export const RISKY = 0.5;

export interface Asked {
  show: Show;
  order: Order;
  speaker: string;
  search: string;
}

const WANTED: Record<Show, (row: Row, me: string) => boolean> = {
  all: () => true,
  todo: (row) => !row.locked && !FINISHED.has(row.state),
  risky: (row) => !row.locked && UNTOUCHED.has(row.state) && (row.risk ?? 0) >= RISKY,
  returned: (row) => row.state === "returned",
  mine: (row, me) => row.annotator === me,
  locked: (row) => row.locked,
};

/** Fold a text for searching: case, accents and width do not matter. */
export function folded(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
}

/** Return the rows that were asked for. `found` are the ids whose whole text the server found. */
export function picked(rows: readonly Row[], asked: Asked, me: string, found: ReadonlySet<string> | null = null): Row[] {
  const wanted = WANTED[asked.show];
  const search = folded(asked.search.trim());
  const kept = rows.filter(
    (row) =>
      wanted(row, me) &&
      (asked.speaker === "" || row.speaker === asked.speaker) &&
      (search === "" || found?.has(row.id) === true || folded(row.head).includes(search)),
  );
  return kept.sort(asked.order === "risk" ? worstFirst : byTime);
}

export function byTime(a: Row, b: Row): number {
  return a.start_ms - b.start_ms || a.channel - b.channel || Number(a.id) - Number(b.id);
}

function worstFirst(a: Row, b: Row): number {
  const returned = Number(b.state === "returned") - Number(a.state === "returned");
  return returned || (b.risk ?? -1) - (a.risk ?? -1) || byTime(a, b);
}

/** How many of each filter there are. */
export function counts(rows: readonly Row[], me: string): Record<Show, number> {
  const all: Record<Show, number> = { all: 0, todo: 0, risky: 0, returned: 0, mine: 0, locked: 0 };
  for (const row of rows) for (const [show] of SHOWS) if (WANTED[show](row, me)) all[show]++;
  return all;
}

/** Rows of one height on the screen: the first and the one after the last, with some to spare. */
export function slice(total: number, height: number, scroll: number, view: number, spare = 6): [first: number, end: number] {
  const first = Math.max(0, Math.floor(scroll / height) - spare);
  return [Math.min(first, total), Math.min(total, Math.ceil((scroll + view) / height) + spare)];
}

/** Where to scroll so that a row is in view: unchanged when it is already. */
export function reveal(index: number, height: number, scroll: number, view: number): number {
  const top = index * height;
  if (top < scroll) return Math.max(0, top - height);
  if (top + height > scroll + view) return top + 2 * height - view;
  return scroll;
}

/** The row `step` places from here. When the present row was filtered away meanwhile, what took its place. */
export function neighbour(shown: readonly Row[], all: readonly Row[], current: string | null, step: 1 | -1): Row | null {
  const at = shown.findIndex((row) => row.id === current);
  if (at >= 0) return shown[at + step] ?? null;
  const place = all.findIndex((row) => row.id === current);
  if (place < 0) return (step > 0 ? shown[0] : shown.at(-1)) ?? null;
  const from = all[place]!;
  if (step > 0) return shown.find((row) => byTime(row, from) > 0) ?? null;
  return shown.findLast((row) => byTime(row, from) < 0) ?? null;
}
