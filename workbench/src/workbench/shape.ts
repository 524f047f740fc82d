// Where a segment is cut, and how far its edges may move.

import { located } from "./marks";
import type { Word } from "./types";

export const SHORTEST_MS = 200;
export const NUDGE_MS = 100;

/** The time that belongs to a place in the text: between the words around it, else by proportion. */
export function timeAt(caret: number, text: string, words: readonly Word[], start: number, end: number): number {
  const places = located(words, text);
  let before: number | null = null;
  let after: number | null = null;
  words.forEach((word, index) => {
    const place = places[index];
    if (!place) return;
    if (place[1] <= caret) before = word[1];
    else if (place[0] >= caret && after === null) after = word[0];
  });
  const share = text.length ? start + ((end - start) * caret) / text.length : (start + end) / 2;
  const time = before !== null && after !== null && after >= before ? (before + after) / 2 : (before ?? after ?? share);
  return bounded(Math.round(time), start, end);
}

/** The place in the text that belongs to a time: before the first word that begins later. */
export function caretAt(ms: number, text: string, words: readonly Word[], start: number, end: number): number {
  const places = located(words, text);
  let caret: number | null = null;
  words.forEach((word, index) => {
    const place = places[index];
    if (place && (word[0] + word[1]) / 2 < ms) caret = place[1];
  });
  if (caret === null && words.length && places.some((place) => place && (place[0] > 0 || true))) {
    const first = words.findIndex((word, index) => places[index] && (word[0] + word[1]) / 2 >= ms);
    if (first >= 0) return places[first]![0];
  }
  if (caret !== null) return caret;
  const rough = Math.round((text.length * (ms - start)) / Math.max(1, end - start));
  const space = text.indexOf(" ", rough);
  return space < 0 ? rough : space;
}

export function bounded(ms: number, start: number, end: number): number {
  return Math.max(start + SHORTEST_MS, Math.min(end - SHORTEST_MS, ms));
}

/** Both halves of a text, without the space between them. */
export function halves(text: string, caret: number): [left: string, right: string] {
  return [text.slice(0, caret).trim(), text.slice(caret).trim()];
}

/** New edges, held inside the neighbours and the recording, and never shorter than a sound. */
export function edges(start: number, end: number, low: number, high: number): [start: number, end: number] {
  const from = Math.max(low, Math.min(Math.round(start), Math.round(end) - SHORTEST_MS));
  return [from, Math.min(high, Math.max(Math.round(end), from + SHORTEST_MS))];
}
