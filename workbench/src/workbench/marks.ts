// Words that deserve a second look, found again in the text as it is now. Few on purpose: marking many
// words neither speeds people up nor helps them.

import { common, tokens } from "../words";
import type { Word } from "./types";

export interface Mark {
  from: number;
  to: number;
  kind: "unsure" | "glossary" | "tag";
  title: string;
}

export const UNSURE = 0.5;
const MOST_OF_WORDS = 0.25;

/** Lay the heard words over the text: for each word that is still there, where. */
export function located(words: readonly Word[], text: string): (readonly [from: number, to: number] | null)[] {
  const said = words.map((word) => bare(word[2]));
  const there: { word: string; from: number; to: number }[] = [];
  let at = 0;
  for (const token of tokens(text)) {
    if (token.trim()) there.push({ word: bare(token), from: at, to: at + token.length });
    at += token.length;
  }
  const places: (readonly [number, number] | null)[] = words.map(() => null);
  for (const [i, k] of common(said, there.map((place) => place.word))) places[i] = [there[k]!.from, there[k]!.to];
  return places;
}

/** The unsure words that nobody has changed; none when so many are unsure that marks say nothing. */
export function unsure(words: readonly Word[], text: string): Mark[] {
  const doubtful = words.map((word) => word[3] < UNSURE);
  if (doubtful.filter(Boolean).length > Math.max(2, words.length * MOST_OF_WORDS)) {
    // Then the whole row is doubtful, which its risk says already: keep the worst few.
    const worst = [...words].sort((a, b) => a[3] - b[3])[Math.max(1, Math.floor(words.length * MOST_OF_WORDS)) - 1]?.[3] ?? 0;
    words.forEach((word, index) => (doubtful[index] = word[3] <= Math.min(worst, UNSURE)));
  }
  const places = located(words, text);
  return words.flatMap((word, index) => {
    const place = places[index];
    return doubtful[index] && place ? [{ from: place[0], to: place[1], kind: "unsure" as const, title: `${Math.round(word[3] * 100)} % sure` }] : [];
  });
}

/** Where terms of the glossary stand in a text. */
export function glossaryHits(text: string, terms: readonly string[]): Mark[] {
  const found: Mark[] = [];
  for (const term of terms) {
    const plain = term.trim();
    if (plain.length < 2) continue;
    const edge = /^[\p{L}\p{N}]/u.test(plain) ? "(?<![\\p{L}\\p{N}])" : "";
    const end = /[\p{L}\p{N}]$/u.test(plain) ? "(?![\\p{L}\\p{N}])" : "";
    for (const hit of text.matchAll(new RegExp(`${edge}${escaped(plain)}${end}`, "giu"))) {
      found.push({ from: hit.index, to: hit.index + hit[0].length, kind: "glossary", title: `Glossary: ${term}` });
    }
  }
  return found;
}

/** Tags like [noise] are tokens, not words. */
export function tagMarks(text: string): Mark[] {
  return [...text.matchAll(/\[[\p{L}\p{N}_:-]+\]/gu)].map((hit) => ({ from: hit.index, to: hit.index + hit[0].length, kind: "tag", title: "Tag" }));
}

/** Put marks in order and drop what overlaps an earlier one. */
export function arranged(marks: readonly Mark[]): Mark[] {
  const kept: Mark[] = [];
  for (const mark of [...marks].sort((a, b) => a.from - b.from || b.to - a.to)) if (mark.from >= (kept.at(-1)?.to ?? 0)) kept.push(mark);
  return kept;
}

/** The next or previous mark from a caret, going round. */
export function jump(marks: readonly Mark[], caret: number, step: 1 | -1): Mark | null {
  const suspects = marks.filter((mark) => mark.kind === "unsure");
  if (step > 0) return suspects.find((mark) => mark.from > caret) ?? suspects[0] ?? null;
  return suspects.findLast((mark) => mark.from < caret) ?? suspects.at(-1) ?? null;
}

/** A word without its edges: case and punctuation do not make it another word. */
export function bare(word: string): string {
  return word.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "") || word.trim();
}

export function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
