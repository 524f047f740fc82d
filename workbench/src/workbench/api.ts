// The addresses the workbench talks to, one function each.

import { csrfToken, refusalOf, send, uuid, type Answer } from "../http";
import type * as schema from "../api/schema";
import type { Brief, Progress, Segment, Settings } from "./types";

export type RowsPage = schema.RowsOut;
export type Held = schema.LeaseOut;
export type NextAnswer = Omit<schema.NextOut, "segment"> & { segment: Segment | null };
export type Reshaped = Omit<schema.ReshapedOut, "segments"> & { segments: Brief[] };
export type Undone = Omit<schema.UndoneOut, "segments"> & { segments: Brief[] };

/** Names this tab, so that two tabs of one person are two. */
export const client = tabId();

function tabId(): string {
  const navigation = performance.getEntriesByType("navigation")[0] as PerformanceNavigationTiming | undefined;
  try {
    // A duplicated tab copies sessionStorage: only a reload or a way back is the same tab.
    const kept = navigation?.type === "navigate" ? null : sessionStorage.getItem("earmark.tab");
    const id = kept ?? uuid();
    sessionStorage.setItem("earmark.tab", id);
    return id;
  } catch {
    return uuid();
  }
}

async function get<T>(address: string, signal?: AbortSignal): Promise<Answer<T>> {
  try {
    const response = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin", signal: signal ?? null });
    const data: unknown = await response.json().catch(() => null);
    return response.ok ? { ok: true, value: data as T } : { ok: false, refusal: refusalOf(response.status, data) };
  } catch {
    return { ok: false, refusal: { status: 0, code: "offline", message: "The site cannot be reached.", detail: {} } };
  }
}

async function put<T>(address: string, body: unknown, keepalive = false): Promise<Answer<T>> {
  try {
    const response = await fetch(address, {
      method: "PUT",
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": csrfToken() },
      credentials: "same-origin",
      keepalive,
      body: JSON.stringify(body),
    });
    const data: unknown = await response.json().catch(() => null);
    return response.ok ? { ok: true, value: data as T } : { ok: false, refusal: refusalOf(response.status, data) };
  } catch {
    return { ok: false, refusal: { status: 0, code: "offline", message: "The site cannot be reached.", detail: {} } };
  }
}

function query(values: Record<string, string | number | undefined>): string {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined && value !== "") found.set(name, String(value));
  return found.size ? `?${found}` : "";
}

const of = (segment: string) => `/api/segments/${segment}/`;

export const addresses = {
  save: of,
  undo: (segment: string) => `${of(segment)}undo/`,
  audio: (segment: string, context: number) => `${of(segment)}audio?context_ms=${context}`,
};

export const api = {
  rows: (recording: string, asked: { limit?: number; cursor?: string; ids?: string; search?: string }) => get<RowsPage>(`/api/recordings/${recording}/rows/${query(asked)}`),
  segment: (id: string) => get<Segment>(of(id)),
  peaks: (recording: string, asked: { start_ms?: number; end_ms?: number; points: number }) =>
    get<schema.Peaks>(`/api/recordings/${recording}/peaks${query(asked)}`),
  draft: (id: string, text: string, base_revision: number, keepalive = false) => put<schema.DraftOut>(`${of(id)}draft/`, { text, base_revision }, keepalive),
  forgetDraft: (id: string) => send<undefined>("DELETE", `${of(id)}draft/`),
  lease: (id: string, take = false) => send<Held>("POST", `${of(id)}lease/`, take ? { client, take } : { client }),
  release: (id: string) => send<undefined>("DELETE", `${of(id)}lease/?client=${client}`, undefined, true),
  ask: (id: string) => send<undefined>("POST", `${of(id)}ask/`),
  lock: (id: string, base_revision: number) => send<Brief>("POST", `${of(id)}lock/`, { base_revision }),
  unlock: (id: string, reason: string) => send<Brief>("POST", `${of(id)}unlock/`, { reason }),
  split: (id: string, body: Record<string, unknown>) => send<Reshaped>("POST", `${of(id)}split/`, { ...body, client }),
  merge: (id: string, body: Record<string, unknown>) => send<Reshaped>("POST", `${of(id)}merge/`, { ...body, client }),
  edges: (id: string, body: Record<string, unknown>) => send<Reshaped>("POST", `${of(id)}edges/`, { ...body, client }),
  speaker: (id: string, body: Record<string, unknown>) => send<Reshaped>("POST", `${of(id)}speaker/`, { ...body, client }),
  next: (project: string, body: Record<string, unknown>) => send<NextAnswer>("POST", `/api/projects/${project}/next/`, { ...body, client }),
  progress: (project: string, recording: string | undefined, since: string) => get<Progress>(`/api/projects/${project}/progress/${query({ recording, since })}`),
  presence: (recording: string, segment: string | null) => send<schema.Visitors>("POST", `/api/recordings/${recording}/presence/`, segment ? { client, segment } : { client }),
  leave: (recording: string) => send<undefined>("DELETE", `/api/recordings/${recording}/presence/?client=${client}`, undefined, true),
  recording: (id: string) => get<schema.RecordingOut>(`/api/recordings/${id}/`),
  saveSettings: (part: Partial<Settings>) => put<Settings>("/api/me/settings/", part, true),
  decisions: (recording: string) => get<schema.RecentDecisions>(`/api/me/decisions/${query({ recording })}`),
  drafts: (project: string) => get<schema.MyDrafts>(`/api/me/drafts/${query({ project })}`),
};
