// What the workbench knows of a segment: slim for the list and the strip, full for what is opened. The
// shapes are the API's own (`src/api/schema.ts`); only words are read more closely than it can say.

import type * as schema from "../api/schema";

export type State = schema.SegmentState;
export type Row = schema.RowOut;
export type Facets = schema.Facets;
export type Revision = schema.HistoryEntry;
export type Person = schema.Visitor;
export type Progress = schema.ProgressOut;
export type Settings = schema.SettingsOut;

/** Start and end in the recording, the word, and how sure the model was of it. */
export type Word = readonly [start: number, end: number, text: string, probability: number];

export type Hypothesis = Omit<schema.HypothesisOut, "words"> & { words?: readonly Word[] };

interface Heard {
  hypotheses: readonly Hypothesis[];
  suggestion: Hypothesis | null;
}

/** A segment as changes answer it. */
export type Brief = Omit<schema.SegmentOut, keyof Heard> & Heard;

/** A segment in full: with its neighbours, its history, and what the project says about texts. */
export type Segment = Omit<schema.SegmentDetailOut, keyof Heard> & Heard;

/** States in which no person has decided about a text yet. */
export const UNTOUCHED: ReadonlySet<State> = new Set(["pending", "draft", "refined"]);
/** States that need nobody any more. */
export const FINISHED: ReadonlySet<State> = new Set(["corrected", "accepted", "skipped"]);
