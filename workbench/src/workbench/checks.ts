// What is worth a second look before a text counts as done, told at the press of Enter. The same rules and
// codes as annotation/services/checks.py, which looks again at what arrives and keeps what was overridden;
// tests/data/text_checks.json holds both to the same answers.

import { escaped } from "./marks";
import type { Segment } from "./types";

export interface Check {
  code: string;
  message: string;
  /** A note is shown and stops nobody. */
  severity: "warning" | "note";
}

export interface Checked {
  text: string;
  segment: Pick<Segment, "start_ms" | "end_ms" | "language" | "machine_text">;
  language: string;
  glossary: readonly string[];
  spelling?: Segment["spelling"];
  tags: readonly string[];
  /** Share of the segment that was played, 0 to 1. */
  heard: number;
}

export const HEARD_ENOUGH = 0.6;
const SPOKEN_MS = 700;
/** Letters a second that nobody says; a script of syllables or words carries more in each. */
const FAST = 28;
const FAST_WIDE = 12;
const SLOW = 1.5;
const SLOW_FROM_MS = 4_000;

/** What Whisper writes over silence and music. */
const OVER_SILENCE = [
  "thanks for watching", "thank you for watching", "please subscribe", "like and subscribe", "subscribe to my channel", "subtitles by", "subtitled by", "transcribed by",
  "amara org", "untertitel im auftrag des zdf", "untertitel der amara org community", "vielen dank fürs zuschauen", "sous titres réalisés par", "sous titrage", "merci d avoir regardé",
  "gracias por ver", "subtítulos realizados por", "obrigado por assistir", "sottotitoli creati dalla comunità", "napisy stworzone przez społeczność", "продолжение следует",
  "субтитры сделал", "ご視聴ありがとうございました", "请不吝点赞", "字幕由",
];

const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/u;
const ALIKE = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u] as const;
const [LATIN, CYRILLIC, GREEK] = ALIKE;

const WRITTEN: readonly (readonly [RegExp, string])[] = [
  [LATIN, "en de fr es pt it nl pl cs sk sl hr hu ro tr vi sv da no nn fi is et lv lt id ms sw tl ca gl eu cy af"],
  [CYRILLIC, "ru uk be bg mk kk"],
  [/[\p{Script=Cyrillic}\p{Script=Latin}]/u, "sr"],
  [GREEK, "el"],
  [/\p{Script=Hebrew}/u, "he yi"],
  [/\p{Script=Arabic}/u, "ar fa ur ps"],
  [/\p{Script=Devanagari}/u, "hi mr ne sa"],
  [/\p{Script=Bengali}/u, "bn"],
  [/\p{Script=Tamil}/u, "ta"],
  [/\p{Script=Telugu}/u, "te"],
  [/\p{Script=Georgian}/u, "ka"],
  [/\p{Script=Armenian}/u, "hy"],
  [/\p{Script=Thai}/u, "th"],
  [/[\p{Script=Hangul}\p{Script=Han}]/u, "ko"],
  [/[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}ー]/u, "ja"],
  [/\p{Script=Han}/u, "zh yue"],
];
const SCRIPTS: ReadonlyMap<string, RegExp> = new Map(WRITTEN.flatMap(([script, languages]) => languages.split(" ").map((language) => [language, script] as const)));

const TAG = /\[([^[\]\n]{1,60})\]/g;
const LOOP = /(\S[^]{1,30}?)\1{3,}/u;
const LETTER = /\p{L}/u;
const ASCII = /^[\x20-\x7e]+$/;

export function checksOf(given: Checked): Check[] {
  const { text, segment } = given;
  const found: Check[] = [];
  const warn = (code: string, message: string) => found.push({ code, message, severity: "warning" });
  const note = (code: string, message: string) => found.push({ code, message, severity: "note" });
  const spoken = text.replace(TAG, (tag) => " ".repeat(tag.length));
  const length = segment.end_ms - segment.start_ms;

  const phrase = overSilence(text);
  if (phrase) warn("hallucination", `Machines write “${phrase}” over silence. Is it really said?`);
  const repeated = repetition(text);
  if (repeated) warn("repetition", `“${repeated}” is there several times in a row. Is it said so often?`);
  if (!text.trim() && segment.machine_text?.trim() && length >= SPOKEN_MS) warn("empty", "A machine heard words here, and the text is empty.");
  pace(spoken, text, length, warn, note);
  const numbers = numbersChanged(segment.machine_text, text);
  if (numbers) warn("number_changed", `A number differs from what the machine heard: ${numbers}.`);
  if (unbalanced(text)) warn("tag_unbalanced", "A bracket has no partner.");
  else {
    const unknown = unknownTag(text, given.tags);
    if (unknown !== null) warn("tag_unknown", `[${unknown}] is none of the project's tags.`);
  }
  const foreign = strangers(spoken, SCRIPTS.get(given.language));
  if (foreign) warn("wrong_script", `“${foreign}” is not written in the letters of “${given.language}”.`);
  if (/\S[ \t\u00a0\u3000]{2,}\S/.test(text)) note("double_space", "Two spaces in a row.");
  for (const message of misspelt(text, given.glossary, given.spelling)) note("glossary", message);
  if (given.heard < HEARD_ENOUGH) warn("not_heard", `Only ${Math.floor(given.heard * 100)} % of it was played.`);
  return found.sort((a, b) => Number(a.severity === "note") - Number(b.severity === "note"));
}

type Say = (code: string, message: string) => void;

function pace(spoken: string, text: string, length: number, warn: Say, note: Say): void {
  const letters = [...spoken].filter((letter) => /[\p{L}\p{N}]/u.test(letter));
  if (!letters.length || length <= 0) return;
  const wide = letters.filter((letter) => WIDE.test(letter)).length * 2 > letters.length;
  const rate = (letters.length * 1000) / length;
  if (rate > (wide ? FAST_WIDE : FAST)) warn("too_fast", `${Math.round(rate)} letters a second: more than anybody says.`);
  else if (rate < (wide ? SLOW / 2 : SLOW) && length >= SLOW_FROM_MS && spoken === text) note("too_slow", "Very little text for so much sound. Is something missing?");
}

function folded(text: string): string {
  return text.toLowerCase().replace(/[^\p{L}\p{N}\p{M}]+/gu, " ").trim();
}

function overSilence(text: string): string {
  const plain = ` ${folded(text)} `;
  return OVER_SILENCE.find((phrase) => plain.includes(WIDE.test(phrase[0] ?? "") ? phrase : ` ${phrase} `)) ?? "";
}

/** A word four times on end, up to eight words three times, or the same few characters four times. */
export function repetition(text: string): string {
  const words = text.split(/\s+/).filter(Boolean).map((word) => word.toLowerCase().replace(/^[.,;:!?…]+|[.,;:!?…]+$/g, ""));
  for (let size = 1; size <= 8; size++) {
    const needed = size === 1 ? 4 : 3;
    for (let at = 0; at + size * needed <= words.length; at++) {
      const run = words.slice(at, at + size).join(" ");
      let times = 1;
      while (words.slice(at + times * size, at + (times + 1) * size).join(" ") === run) times++;
      if (times >= needed) return run;
    }
  }
  const loop = LOOP.exec(text)?.[1] ?? "";
  return LETTER.test(loop) ? loop.trim() : "";
}

/** What stands there and what was heard instead; empty when each number was heard, or none is left over. */
export function numbersChanged(heard: string | null, text: string): string {
  if (heard === null) return "";
  const left = numerals(heard);
  const there = numerals(text);
  for (const number of there) {
    const at = left.indexOf(number);
    if (at >= 0) left.splice(at, 1);
    else if (left.length) return `${(left.find((one) => !there.includes(one)) ?? left[0])} ↔ ${number}`;
  }
  return "";
}

function numerals(text: string): string[] {
  return [...text.matchAll(/\p{Nd}+(?:[.,:]\p{Nd}+)*/gu)].map((hit) => hit[0]);
}

export function unbalanced(text: string): boolean {
  let open = false;
  for (const letter of text) {
    if (letter === "[" ? open : letter === "]" && !open) return true;
    if (letter === "[" || letter === "]") open = letter === "[";
  }
  return open;
}

export function unknownTag(text: string, known: readonly string[]): string | null {
  if (!known.length) return null;
  const knows = (name: string) => {
    const [head, language] = name.split(":");
    return known.includes(name) || (known.includes(`${head}:xx`) && /^[a-z]{2,3}$/i.test(language ?? ""));
  };
  return [...text.matchAll(TAG)].map((hit) => hit[1] ?? "").find((name) => !knows(name)) ?? null;
}

/** A word in other letters than the language's: most of the text, or one that only looks right. */
function strangers(text: string, script: RegExp | undefined): string {
  if (!script) return "";
  const letters = [...text].filter((letter) => LETTER.test(letter));
  const wrong = letters.filter((letter) => !script.test(letter));
  if (!wrong.length) return "";
  const words = text.match(/[\p{L}\p{M}]+/gu) ?? [];
  if (wrong.length * 2 > letters.length) return words.find((word) => [...word].some((letter) => LETTER.test(letter) && !script.test(letter))) ?? "";
  if (!ALIKE.some((alike) => script.source === alike.source || script === WRITTEN[2]?.[0])) return "";
  return words.find((word) => ALIKE.filter((alike) => alike.test(word)).length > 1) ?? "";
}

/** What stands in the text instead of terms: what is heard for them, other capitals, other joints. */
function misspelt(text: string, glossary: readonly string[], spelling: Checked["spelling"]): string[] {
  const heard = variantsIn(text, spelling?.variants ?? []);
  const named = new Set(heard.map(([, term]) => term));
  const plain = (words: string) => words.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
  const words = new Map(text.split(/[^\p{L}\p{N}-]+/u).map((word) => [plain(word), word]));
  const mayBe = (word: string, term: string) =>
    spelling?.any_case.includes(term) ? word.toLowerCase() === term.toLowerCase() : !!spelling?.initial.includes(term) && word === term.charAt(0).toUpperCase() + term.slice(1);
  const other = glossary
    .filter((term) => !named.has(term) && !text.includes(term) && plain(term).length > 2)
    .map((term) => [words.get(plain(term)) ?? "", term] as const)
    .filter(([word, term]) => word && !mayBe(word, term));
  return [
    ...heard.map(([said, term]) => `“${said}”: the glossary has “${term}” for it.`),
    ...other.map(([said, term]) => `“${said}”: the glossary has “${term}”.`),
  ].slice(0, 3);
}

/** What is heard instead of terms, the longest first, where it is no part of a longer word. */
function variantsIn(text: string, variants: NonNullable<Checked["spelling"]>["variants"]): (readonly [string, string])[] {
  const terms = new Map(variants.filter(({ heard }) => heard.trim()).map(({ heard, term }) => [heard.toLowerCase(), term]));
  if (!terms.size) return [];
  const apart = (heard: string) => {
    if (!ASCII.test(heard)) return escaped(heard);
    return `${/^\w/.test(heard) ? "(?<![\\p{L}\\p{N}_])" : ""}${escaped(heard)}${/\w$/.test(heard) ? "(?![\\p{L}\\p{N}_])" : ""}`;
  };
  const any = [...terms.keys()].sort((a, b) => b.length - a.length).map(apart);
  return [...text.matchAll(new RegExp(any.join("|"), "giu"))]
    .map(([said]) => [said, terms.get(said.toLowerCase()) ?? said] as const)
    .filter(([said, term]) => said !== term);
}
