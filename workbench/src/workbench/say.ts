// Amounts the way people say them.

import type { QueueCounts } from "../api/schema";
import type { Progress } from "./types";

export function hours(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 1) return ms > 0 ? "under a minute" : "nothing";
  if (minutes < 60) return `${minutes} min`;
  const whole = Math.floor(minutes / 60);
  return minutes % 60 && whole < 100 ? `${whole} h ${minutes % 60} min` : `${whole} h`;
}

/** An estimate, or nothing where there is no pace to make one from. */
export function about(progress: Progress): string {
  const { hours_at_this_pace: left, working_days: days } = progress.eta;
  if (progress.audio_ms.left <= 0) return "";
  if (days !== null && days >= 1.5) return `about ${Math.round(days)} days`;
  if (left === null) return "";
  if (left < 0.1) return "a few minutes to go";
  return left < 1.5 ? `about ${Math.round(left * 12) * 5} min to go` : `about ${left < 10 ? Math.round(left * 2) / 2 : Math.round(left)} h to go`;
}

/** Where the rest of a project is when nothing of it is for this person: what is done first, then the others. */
export function elsewhere(counts: QueueCounts): string[] {
  const { total, done, leased, open, waiting_for_machine: pending } = counts;
  const said = (count: number, one: string, many: string) => (count > 0 ? [`${count.toLocaleString()} ${count === 1 ? one : many}`] : []);
  return [
    ...(total ? [`${done.toLocaleString()} of ${total.toLocaleString()} done`] : []),
    ...said(leased, "is being edited just now", "are being edited just now"),
    ...said(open, "is meant for others", "are meant for others"),
    ...said(pending, "waits for its draft", "wait for their drafts"),
  ];
}

const REASONS: Record<string, string> = {
  unsure: "model unsure",
  maybe_no_speech: "maybe no speech",
  no_speech: "no speech",
  repetition: "repeats itself",
  retried: "heard on a second try",
  too_many_characters: "too much text for its length",
  too_few_characters: "little text for its length",
  language_uncertain: "language uncertain",
  cut_by_length_limit: "cut off",
  silence: "silence",
  too_short: "very short",
  weak_words: "some words doubtful",
  models_disagree: "the two models disagree",
  nothing_heard: "nothing heard where there is sound",
  no_voice: "no voice found",
  stock_phrase: "phrase that models make up",
};

export function reason(code: string): string {
  return REASONS[code] ?? code.replaceAll("_", " ");
}

const SOURCES: Record<string, string> = { draft: "draft", refine: "refined", human: "", import: "imported" };

export function source(name: string): string {
  return SOURCES[name] ?? name;
}

export function time(iso: string | number): string {
  const date = new Date(iso);
  const today = new Date().toDateString() === date.toDateString();
  return date.toLocaleString([], today ? { hour: "2-digit", minute: "2-digit" } : { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
}
