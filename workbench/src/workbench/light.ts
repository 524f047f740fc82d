// What the save light says: worked out from facts each time, never remembered, so that it cannot lie.

export interface Facts {
  /** Decisions that the server has not confirmed. */
  unsent: number;
  /** Texts typed and not decided, that only this browser has. */
  kept: number;
  /** Texts typed and not decided, wherever they are kept. */
  drafts: number;
  /** One of them is on its way just now. */
  sending: boolean;
  /** The last attempt did not reach the site. */
  offline: boolean;
  /** Texts that need a choice between two versions. */
  conflicts: number;
  /** The login has ended. */
  signedOut: boolean;
  /** The browser refuses to keep what is typed. */
  refused: boolean;
  /** When the server last confirmed something. */
  savedAt: Date | null;
}

export interface Light {
  state: "" | "saved" | "saving" | "unsaved" | "offline" | "conflict";
  text: string;
}

export function lightOf(facts: Facts): Light {
  const here = facts.unsent + facts.kept;
  if (facts.refused) return { state: "conflict", text: "This browser keeps nothing: do not close the page" };
  if (facts.signedOut) return { state: "offline", text: `Signed out, ${here} kept here` };
  if (facts.conflicts && facts.offline) return { state: "conflict", text: `Conflict, and offline: ${here} kept here` };
  if (facts.conflicts) return { state: "conflict", text: facts.conflicts === 1 ? "Conflict: two texts" : `${facts.conflicts} conflicts` };
  if (facts.offline) return { state: "offline", text: `Offline, ${here} kept here` };
  if (facts.unsent) return { state: "saving", text: facts.unsent === 1 ? "Saving" : `Saving ${facts.unsent}` };
  if (facts.kept) return facts.sending ? { state: "saving", text: "Saving draft" } : { state: "unsaved", text: "Draft kept here" };
  if (facts.drafts) return { state: "saved", text: facts.drafts === 1 ? "Draft saved" : `${facts.drafts} drafts saved` };
  if (facts.savedAt) return { state: "saved", text: `Saved ${facts.savedAt.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" })}` };
  return { state: "", text: "" };
}
