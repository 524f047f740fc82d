// What the workbench knows of a segment: slim for the list and the strip, full for what is opened.

export type State = "pending" | "draft" | "refined" | "corrected" | "skipped" | "accepted" | "returned";

export interface Lease {
  holder: string;
  name: string;
  mine: boolean;
  client: string | null;
  expires_at: string;
}

/** One line of the list: small, because there may be thousands. */
export interface Row {
  id: string;
  /** Its place in the recording by time. */
  index: number;
  start_ms: number;
  end_ms: number;
  channel: number;
  speaker: string;
  state: State;
  locked: boolean;
  risk: number | null;
  revision: number;
  lease: Lease | null;
  /** Who last wrote the text by hand. */
  annotator: string | null;
  return_reason: string;
  /** The beginning of its text. */
  head: string;
}

/** Start and end in the recording, the word, and how sure the model was of it. */
export type Word = readonly [start: number, end: number, text: string, probability: number];

export interface Hypothesis {
  id: string;
  pass: "draft" | "refine";
  model: string;
  text: string;
  words?: readonly Word[];
  risk: number | null;
  risk_reasons: readonly string[];
}

export interface Neighbour {
  id: string;
  start_ms: number;
  end_ms: number;
  speaker: string;
  state: State;
  locked: boolean;
  revision: number;
  text: string;
}

export interface Revision {
  number: number;
  base: number;
  text: string;
  source: string;
  author: string | null;
  model: string;
  kind: string;
  created_at: string;
}

export interface Decision {
  id: string;
  kind: string;
  reason: string;
  by: string | null;
  at: string;
  undone: boolean;
}

/** A segment in full. What a save answers lacks the last group; it is kept from before. */
export interface Segment {
  id: string;
  project: string;
  recording: string;
  start_ms: number;
  end_ms: number;
  channel: number;
  speaker: string;
  language: string;
  state: State;
  text: string;
  revision: number;
  source: string;
  locked: boolean;
  locked_at: string | null;
  locked_by: string | null;
  lease: Lease | null;
  risk: number | null;
  risk_reasons: readonly string[];
  hypotheses: readonly Hypothesis[];
  suggestion: Hypothesis | null;
  updated_at: string;

  index: number;
  annotator: string | null;
  return_reason: string;
  machine_text: string | null;
  draft: { text: string; base_revision: number; at: string } | null;
  neighbours: { previous: Neighbour | null; next: Neighbour | null };
  edges: { earliest_ms: number; latest_ms: number; shortest_ms: number; longest_ms: number };
  history: readonly Revision[];
  decision: Decision | null;
  tags: readonly string[];
  glossary: readonly string[];
}

export interface Person {
  username: string;
  name: string;
  you: boolean;
  segment: string | null;
  tabs: number;
  since: string;
}

export interface Work {
  decisions: number;
  segments: number;
  audio_ms: number;
  active_ms: number;
}

export interface Progress {
  today: { mine: Work; all: Work };
  segments: { total: number; done: number; locked: number; returned: number };
  audio_ms: { total: number; done: number; left: number };
  returned_to_you: number;
  pace: { audio_ms_per_hour: number | null; people: number };
  eta: { hours_at_this_pace: number | null; working_days: number | null; basis: string };
}

export interface Facets {
  total: number;
  states: Partial<Record<State, number>>;
  locked: number;
  speakers: readonly string[];
}

/** States in which no person has decided about a text yet. */
export const UNTOUCHED: ReadonlySet<State> = new Set(["pending", "draft", "refined"]);
/** States that need nobody any more. */
export const FINISHED: ReadonlySet<State> = new Set(["corrected", "accepted", "skipped"]);
