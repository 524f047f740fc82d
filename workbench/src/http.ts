// Talk to the site: the CSRF token of the page goes with every change, refusals come back as values.

export interface Refusal {
  status: number;
  code: string;
  message: string;
  detail: Record<string, unknown>;
}

export type Answer<T> = { ok: true; value: T } | { ok: false; refusal: Refusal };

/** Read the token: the cookie's, which a new login in another tab has changed, else that of the page's forms. */
export function csrfToken(): string {
  const cookie = /(?:^|;\s*)(?:__Host-)?csrftoken=([^;]+)/.exec(document.cookie)?.[1];
  return cookie ?? document.querySelector<HTMLInputElement>("input[name=csrfmiddlewaretoken]")?.value ?? "";
}

/** Send JSON; status 0 stands for a line that is down. */
export async function send<T>(
  method: "POST" | "PATCH" | "DELETE",
  address: string,
  body?: unknown,
  keepalive = false,
): Promise<Answer<T>> {
  const headers: Record<string, string> = { "X-CSRFToken": csrfToken(), Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response: Response;
  try {
    response = await fetch(address, {
      method,
      headers,
      keepalive,
      credentials: "same-origin",
      body: body === undefined ? null : JSON.stringify(body),
    });
  } catch {
    return { ok: false, refusal: { status: 0, code: "offline", message: "The site cannot be reached.", detail: {} } };
  }
  if (response.status === 204) return { ok: true, value: undefined as T };
  const data: unknown = await response.json().catch(() => null);
  if (response.ok) return { ok: true, value: data as T };
  return { ok: false, refusal: refusalOf(response.status, data) };
}

/** Read the API's one shape of errors, whatever came instead of it. */
export function refusalOf(status: number, data: unknown): Refusal {
  const error = (data as { error?: Partial<Refusal> } | null)?.error;
  return {
    status,
    code: error?.code ?? "failed",
    message: error?.message ?? `The site answered ${status}. Try again in a moment.`,
    detail: error?.detail ?? {},
  };
}

/** Fetch a piece of a page and return its elements; null when it cannot be had just now. */
export async function fragment(address: string): Promise<DocumentFragment | null> {
  try {
    const response = await fetch(address, {
      headers: { "X-Earmark-Fragment": "1" },
      credentials: "same-origin",
      redirect: "error",
    });
    if (!response.ok) return null;
    const template = document.createElement("template");
    template.innerHTML = await response.text();
    return template.content;
  } catch {
    return null;
  }
}

/** Say whether trying the same again later may help: no line, a server that is busy or starting. */
export function isPassing(refusal: Refusal): boolean {
  return refusal.status === 0 || refusal.status === 429 || refusal.status >= 500;
}

/** A new id for an act, so that sending it twice is one act. */
export function uuid(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  // Without https (a trial in the local net) there is no randomUUID.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
