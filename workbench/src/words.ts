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

/** Return the stretches that lead from `before` to `after`, by a longest common subsequence of words. */
export function changes(before: string, after: string): Change[] {
  if (before === after) return after ? [{ kind: "same", text: after }] : [];
  const a = tokens(before);
  const b = tokens(after);
  if (a.length * b.length > MOST * MOST) return joined([{ kind: "removed", text: before }, { kind: "added", text: after }]);
  const width = b.length + 1;
  const table = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let k = b.length - 1; k >= 0; k--) {
      table[i * width + k] =
        a[i] === b[k]
          ? (table[(i + 1) * width + k + 1] ?? 0) + 1
          : Math.max(table[(i + 1) * width + k] ?? 0, table[i * width + k + 1] ?? 0);
    }
  }
  const found: Change[] = [];
  let i = 0;
  let k = 0;
  while (i < a.length || k < b.length) {
    if (i < a.length && k < b.length && a[i] === b[k]) {
      found.push({ kind: "same", text: a[i++] ?? "" });
      k++;
    } else if (i < a.length && (k >= b.length || (table[(i + 1) * width + k] ?? 0) >= (table[i * width + k + 1] ?? 0))) {
      found.push({ kind: "removed", text: a[i++] ?? "" });
    } else {
      found.push({ kind: "added", text: b[k++] ?? "" });
    }
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
