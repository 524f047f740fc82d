// What is worth a second look before a text counts as done. Checks never block: the first Enter shows
// them, the second goes on and says which were overridden.

import { UNTOUCHED, type Segment } from "./types";

export interface Check {
  code: string;
  message: string;
  /** A note is shown and stops nobody. */
  severity: "warning" | "note";
}

const NOTES: ReadonlySet<string> = new Set(["double_space", "glossary"]);

export interface Checked {
  text: string;
  segment: Pick<Segment, "start_ms" | "end_ms" | "language" | "machine_text" | "state">;
  language: string;
  glossary: readonly string[];
  tags: readonly string[];
  /** Share of the segment that was played, 0 to 1. */
  heard: number;
}

export const HEARD_ENOUGH = 0.6;
/** Letters a second that nobody says; unspaced scripts carry more in each. */
const FASTEST = 25;
const FASTEST_UNSPACED = 12;
const SLOWEST = 1.5;
const SLOW_FROM_MS = 4_000;

/** Scripts a language is written in, where a letter of another is a slip; others are not judged. */
const SCRIPTS: Record<string, RegExp> = {
  ar: /\p{Script=Arabic}/u,
  be: /\p{Script=Cyrillic}/u,
  bg: /\p{Script=Cyrillic}/u,
  de: /\p{Script=Latin}/u,
  el: /\p{Script=Greek}/u,
  en: /\p{Script=Latin}/u,
  es: /\p{Script=Latin}/u,
  fa: /\p{Script=Arabic}/u,
  fr: /\p{Script=Latin}/u,
  he: /\p{Script=Hebrew}/u,
  it: /\p{Script=Latin}/u,
  ja: /[\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Han}]/u,
  ko: /[\p{Script=Hangul}\p{Script=Han}]/u,
  nl: /\p{Script=Latin}/u,
  pl: /\p{Script=Latin}/u,
  pt: /\p{Script=Latin}/u,
  ru: /\p{Script=Cyrillic}/u,
  tr: /\p{Script=Latin}/u,
  uk: /\p{Script=Cyrillic}/u,
  ur: /\p{Script=Arabic}/u,
  zh: /\p{Script=Han}/u,
};

/** Phrases that Whisper says into silence. */
const SAID_INTO_SILENCE = /^(thanks? (you )?(so much )?for watching|please subscribe|subtitles by|thank you|bye)[.! ]*$/i;

export function checksOf(given: Checked): Check[] {
  const { segment } = given;
  const text = given.text.trim();
  const words = text.replace(/\[[^\]]*\]/g, " ").trim();
  const found: Check[] = [];
  const say = (code: string, message: string) => found.push({ code, message, severity: NOTES.has(code) ? "note" : "warning" });
  const heard = segment.machine_text ?? "";
  const seconds = (segment.end_ms - segment.start_ms) / 1000;
  const language = (segment.language || given.language).slice(0, 2).toLowerCase();

  if (text === "" && heard.trim() !== "") say("empty", "The machine heard words here, and the text is empty.");
  if (SAID_INTO_SILENCE.test(words) && (UNTOUCHED.has(segment.state) || words === heard.trim())) say("hallucination", "Machines say this into silence. Is it really said?");
  const repeated = repetition(words);
  if (repeated) say("repetition", `“${repeated}” is there several times in a row.`);
  const letters = [...words.replace(/[\s\p{P}]/gu, "")].length;
  const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u.test(words);
  if (letters && seconds > 0 && letters / seconds > (unspaced ? FASTEST_UNSPACED : FASTEST)) say("too_fast", `${Math.round(letters / seconds)} letters a second: more than anybody says.`);
  if (letters && segment.end_ms - segment.start_ms > SLOW_FROM_MS && letters / seconds < SLOWEST && !text.includes("[")) say("too_slow", "Very little text for so much sound.");
  const numbers = numbersChanged(heard, text);
  if (numbers && text && heard) say("number_changed", `A number differs from what the machine heard: ${numbers}.`);
  if (unbalanced(text)) say("tag_unbalanced", "A bracket of a tag is missing.");
  else {
    const unknown = unknownTag(text, given.tags);
    if (unknown !== null) say("tag_unknown", `[${unknown}] is none of the project's tags.`);
  }
  const script = SCRIPTS[language];
  const foreign = script && strangers(words, script);
  if (foreign) say("wrong_script", `“${foreign}” is not written in the letters of ${language}.`);
  if (/\S {2,}\S/.test(given.text)) say("double_space", "Two spaces in a row.");
  for (const term of missed(text, heard, given.glossary)) say("glossary", `The glossary writes “${term}”.`);
  if (given.heard < HEARD_ENOUGH) say("not_heard", `Only ${Math.round(given.heard * 100)} % of it was played.`);
  return found;
}

/** The first run of one to five words that stands there three times in a row. */
export function repetition(text: string): string {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  for (let at = 0; at < words.length; at++) {
    for (let size = 1; size <= 5 && at + 3 * size <= words.length; size++) {
      const run = words.slice(at, at + size).join(" ");
      if (run === words.slice(at + size, at + 2 * size).join(" ") && run === words.slice(at + 2 * size, at + 3 * size).join(" ")) return run;
    }
  }
  return "";
}

export function numbersChanged(before: string, after: string): string {
  const [old, now] = [numerals(before), numerals(after)];
  if (!old.length || !now.length || old.join(" ") === now.join(" ")) return "";
  return `${old.filter((n) => !now.includes(n)).join(", ") || old.join(", ")} ↔ ${now.filter((n) => !old.includes(n)).join(", ") || now.join(", ")}`;
}

function numerals(text: string): string[] {
  return [...text.matchAll(/\p{Nd}+(?:[.,:]\p{Nd}+)*/gu)].map((hit) => hit[0]);
}

export function unbalanced(text: string): boolean {
  let open = 0;
  for (const letter of text) {
    if (letter === "[") open++;
    if (letter === "]") open--;
    if (open < 0 || open > 1) return true;
  }
  return open !== 0;
}

export function unknownTag(text: string, known: readonly string[]): string | null {
  const names = new Set(known.map((tag) => tag.split(":")[0]));
  if (!names.size) return null;
  return [...text.matchAll(/\[([^\]]*)\]/g)].map((hit) => hit[1] ?? "").find((name) => !names.has(name.split(":")[0])) ?? null;
}

function strangers(text: string, script: RegExp): string {
  for (const word of text.split(/\s+/)) {
    const letters = [...word].filter((letter) => /\p{L}/u.test(letter) && !/\p{Script=Common}/u.test(letter));
    // Names and acronyms in Latin letters are everywhere; a letter that merely looks right is the slip.
    const latin = /^[\p{Script=Latin}\p{M}]+$/u.test(letters.join(""));
    if (letters.length && !(latin && !script.test("a")) && letters.some((letter) => !script.test(letter))) return word;
  }
  return "";
}

/** Terms whose other spelling (case, joints) stands in the text, and terms that were heard and went. */
function missed(text: string, heard: string, glossary: readonly string[]): string[] {
  const plain = (words: string) => words.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
  const found: string[] = [];
  for (const term of glossary) {
    if (!term.trim() || text.includes(term)) continue;
    const core = plain(term);
    if (core.length > 2 && ` ${text} `.toLowerCase().split(/[^\p{L}\p{N}-]+/u).some((word) => plain(word) === core)) found.push(term);
    else if (core.length > 2 && heard.includes(term)) found.push(term);
  }
  return found.slice(0, 3);
}
