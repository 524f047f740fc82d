// Small shapes around an open segment: what could be taken, what stands against what, who holds it.

import type { Entry } from "./outbox";
import type { Brief, Row, Segment } from "./types";

/** Two texts for one segment, and what both began with. */
export interface Conflict {
  segment: string;
  mine: string;
  theirs: string;
  base: string;
  revision: number;
  by: string | null;
  at: string | null;
  /** The refused decision, to be sent again. */
  entry: Entry | null;
}

/** A text that could be taken, and whose it is. */
export interface Offer {
  key: string;
  label: string;
  text: string;
  fresh: boolean;
}

/** A text beside the one in the box. */
export interface Newer {
  text: string;
  by: string;
  machine: boolean;
  /** The person typed it themselves, earlier. */
  own?: boolean;
}

export function offersOf(segment: Segment | null, newer: Newer | null): Offer[] {
  if (!segment) return [];
  const found: Offer[] = segment.hypotheses.map((one) => ({
    key: one.id,
    label: `${one.pass === "refine" ? "Refined" : "Draft"} · ${one.model}`,
    text: one.text,
    fresh: segment.suggestion?.id === one.id || (newer?.machine === true && newer.text === one.text),
  }));
  if (newer && !found.some((offer) => offer.text === newer.text)) found.unshift({ key: "newer", label: newer.by || "Newer", text: newer.text, fresh: true });
  return found;
}

/** The line of the list that a segment has. */
export function slim(one: Brief, index: number): Row {
  const { id, start_ms, end_ms, channel, speaker, state, locked, risk, revision, annotator, return_reason } = one;
  return { id, index, start_ms, end_ms, channel, speaker, state, locked, risk, revision, lease: null, annotator, return_reason, head: one.text.slice(0, 80) };
}

/** Who keeps the open segment from being edited. */
export interface Holder {
  name: string;
  yours: boolean;
  /** Whether they were asked for it. */
  asked?: boolean;
}
