// Follow a project's live events; when the stream cannot be had, ask in intervals instead.

const NAMES = ["job.progress", "segment.changed", "segments.reshaped", "lease.changed", "lease.asked", "presence.changed", "recording.changed", "comment.changed"] as const;

export interface Happening {
  name: (typeof NAMES)[number];
  segment?: string;
  recording?: string;
  /** All that the event says. */
  data: Record<string, unknown>;
}

export interface Follower {
  /** Something changed. */
  on(happening: Happening): void;
  /** Anything may have changed: look at everything that is shown. */
  refresh(): void;
  /** Whether the page is live, only polling, or shut out. */
  state(now: "live" | "polling" | "closed"): void;
}

const POLL_MS = 5_000;
const AGAIN_MS = 15_000;

export function follow(project: string, follower: Follower): void {
  let poll: number | undefined;
  let version = "";

  function polling(on: boolean): void {
    if (on && poll === undefined) poll = window.setInterval(() => follower.refresh(), POLL_MS);
    if (!on && poll !== undefined) {
      window.clearInterval(poll);
      poll = undefined;
    }
  }

  function open(): void {
    // The browser reconnects by itself and sends Last-Event-ID; only a refusal ends the stream for good.
    const source = new EventSource(`/api/projects/${project}/events/`);
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        const data = parsed(event);
        const happening: Happening = { name, data };
        if (typeof data["segment"] === "string") happening.segment = data["segment"];
        if (typeof data["recording"] === "string") happening.recording = data["recording"];
        follower.on(happening);
      });
    }
    source.addEventListener("snapshot", (event) => {
      const data = parsed(event);
      const next = String(data["version"] ?? "");
      const missed = data["resumed"] !== true && version !== "" && next !== version;
      const live = data["live"] !== false;
      polling(!live);
      follower.state(live ? "live" : "polling");
      if (missed || version === "") follower.refresh();
      version = next;
    });
    source.addEventListener("events.missed", () => follower.refresh());
    source.addEventListener("degraded", () => {
      follower.state("polling");
      polling(true);
    });
    source.addEventListener("closed", () => {
      source.close();
      polling(false);
      follower.state("closed");
    });
    source.addEventListener("error", () => {
      follower.state("polling");
      polling(true);
      if (source.readyState === EventSource.CLOSED) window.setTimeout(open, AGAIN_MS);
    });
  }

  open();
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) follower.refresh();
  });
}

function parsed(event: Event): Record<string, unknown> {
  try {
    const data: unknown = JSON.parse((event as MessageEvent<string>).data);
    return typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** Collect ids and hand them on together, at most every `ms`. */
export class Gather {
  private ids = new Set<string>();
  private timer: number | undefined;

  constructor(
    private readonly ms: number,
    private readonly hand: (ids: string[]) => void,
  ) {}

  add(id: string): void {
    this.ids.add(id);
    this.timer ??= window.setTimeout(() => {
      this.timer = undefined;
      const ids = [...this.ids];
      this.ids.clear();
      this.hand(ids);
    }, this.ms);
  }
}
