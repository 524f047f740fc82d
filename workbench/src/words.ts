// Word by word, what one text has that another has not: the same rules as annotation/ui/words.py.

export interface Change {
  kind: "same" | "removed" | "added";
  text: string;
}

const UNSPACED = "\\u3040-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\u0e00-\\u0e7f";
const TOKEN = new RegExp(`[${UNSPACED}]|\\s+|[^\\s${UNSPACED}]+`, "g");
const MOST = 2_000;

export function tokens(text: string): string[] {
  return text.match(TOKEN) ?? [];
}

/** Pair what is common to two lists, in order: a longest common subsequence as pairs of places. */
export function common(a: readonly string[], b: readonly string[]): (readonly [i: number, k: number])[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const [m, n] = [a.length - head - tail, b.length - head - tail];
  const pairs: [number, number][] = Array.from({ length: head }, (_, at) => [at, at]);
  if (m && n && m * n <= MOST * MOST) {
    const width = n + 1;
    const table = new Uint16Array((m + 1) * width);
    for (let i = m - 1; i >= 0; i--) {
      for (let k = n - 1; k >= 0; k--) {
        table[i * width + k] =
          a[head + i] === b[head + k]
            ? (table[(i + 1) * width + k + 1] ?? 0) + 1
            : Math.max(table[(i + 1) * width + k] ?? 0, table[i * width + k + 1] ?? 0);
      }
    }
    for (let i = 0, k = 0; i < m && k < n; ) {
      if (a[head + i] === b[head + k]) pairs.push([head + i++, head + k++]);
      else if ((table[(i + 1) * width + k] ?? 0) >= (table[i * width + k + 1] ?? 0)) i++;
      else k++;
    }
  }
  for (let at = tail; at > 0; at--) pairs.push([a.length - at, b.length - at]);
  return pairs;
}

/** Return the stretches that lead from `before` to `after`, by a longest common subsequence of words. */
export function changes(before: string, after: string): Change[] {
  if (before === after) return after ? [{ kind: "same", text: after }] : [];
  const a = tokens(before);
  const b = tokens(after);
  const found: Change[] = [];
  let i = 0;
  let k = 0;
  for (const [x, y] of [...common(a, b), [a.length, b.length] as const]) {
    while (i < x) found.push({ kind: "removed", text: a[i++] ?? "" });
    while (k < y) found.push({ kind: "added", text: b[k++] ?? "" });
    if (i < a.length || k < b.length) found.push({ kind: "same", text: a[i++] ?? "" });
    k = y + 1;
  }
  return joined(found);
}

/** Join neighbours, and a change across the single space between two changed words. */
function joined(found: Change[]): Change[] {
  const result: Change[] = [];
  let at = 0;
  while (at < found.length) {
    const change = found[at]!;
    if (change.kind === "same") {
      const last = result.at(-1);
      if (last?.kind === "same") last.text += change.text;
      else result.push({ ...change });
      at++;
      continue;
    }
    let removed = "";
    let added = "";
    while (at < found.length) {
      const here = found[at]!;
      const next = found[at + 1];
      if (here.kind === "removed") removed += here.text;
      else if (here.kind === "added") added += here.text;
      else if (/^\s+$/.test(here.text) && next !== undefined && next.kind !== "same" && removed && added) {
        removed += here.text;
        added += here.text;
      } else break;
      at++;
    }
    if (removed) result.push({ kind: "removed", text: removed });
    if (added) result.push({ kind: "added", text: added });
  }
  return result;
}

/** Show changes as text nodes inside <del> and <ins>; nothing is ever parsed as HTML. */
export function shown(found: Change[]): HTMLElement {
  const line = document.createElement("p");
  line.className = "text";
  line.dir = "auto";
  for (const change of found) {
    if (change.kind === "same") {
      line.append(change.text);
      continue;
    }
    const mark = document.createElement(change.kind === "removed" ? "del" : "ins");
    mark.textContent = change.text;
    line.append(mark);
  }
  return line;
}
