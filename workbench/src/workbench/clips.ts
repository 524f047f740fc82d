// Short clips, fetched ahead: the sound of a segment with a little around it, and its waveform.

import { addresses, api } from "./api";

export interface Clip {
  segment: string;
  /** An object URL; revoked when the clip is dropped. */
  url: string;
  /** Where it begins in the recording. */
  from: number;
  to: number;
  /** Maximum and minimum of each step, -1 to 1. */
  peaks: [above: Float32Array, below: Float32Array];
}

export interface Span {
  id: string;
  recording: string;
  start_ms: number;
  end_ms: number;
}

const KEPT = 8;
const POINTS = 900;
/** A quiet recording is drawn larger; silence is not blown up to noise. */
const QUIETEST = 0.1;

export class Clips {
  private readonly cache = new Map<string, { key: string; clip: Promise<Clip | null> }>();

  constructor(private context: number) {}

  /** The clip of a segment, from what was fetched ahead where it can be; null when it cannot be had. */
  get(span: Span, duration: number): Promise<Clip | null> {
    const key = `${span.start_ms}-${span.end_ms}-${this.context}`;
    const kept = this.cache.get(span.id);
    if (kept?.key === key) {
      this.cache.delete(span.id);
      this.cache.set(span.id, kept);
      return kept.clip;
    }
    this.drop(span.id);
    const clip = this.fetched(span, duration).then((found) => {
      if (found === null && this.cache.get(span.id)?.clip === clip) this.cache.delete(span.id);
      return found;
    });
    this.cache.set(span.id, { key, clip });
    for (const id of this.cache.keys()) {
      if (this.cache.size <= KEPT) break;
      this.drop(id);
    }
    return clip;
  }

  /** The edges have moved: what was fetched is another stretch. */
  drop(id: string): void {
    const kept = this.cache.get(id);
    this.cache.delete(id);
    void kept?.clip.then((clip) => clip && setTimeout(() => URL.revokeObjectURL(clip.url), 2_000));
  }

  private async fetched(span: Span, duration: number): Promise<Clip | null> {
    const from = Math.max(0, span.start_ms - this.context);
    const to = Math.min(duration || Infinity, span.end_ms + this.context);
    const [sound, wave] = await Promise.all([
      fetch(addresses.audio(span.id, this.context), { credentials: "same-origin" })
        .then((response) => (response.ok ? response.blob() : null))
        .catch(() => null),
      api.peaks(span.recording, { start_ms: from, end_ms: Math.round(to), points: POINTS }),
    ]);
    if (sound === null) return null;
    return { segment: span.id, url: URL.createObjectURL(sound), from, to, peaks: drawn(wave.ok ? wave.value.peaks : []) };
  }
}

/** Turn minimum, maximum, ... of -128..127 into what is drawn above and below the middle. */
export function drawn(values: readonly number[]): [above: Float32Array, below: Float32Array] {
  const steps = Math.max(1, Math.floor(values.length / 2));
  const above = new Float32Array(steps);
  const below = new Float32Array(steps);
  let loudest = QUIETEST;
  for (let i = 0; i < steps; i++) {
    below[i] = Math.min(0, (values[2 * i] ?? 0) / 128);
    above[i] = Math.max(0, (values[2 * i + 1] ?? 0) / 128);
    loudest = Math.max(loudest, above[i] ?? 0, -(below[i] ?? 0));
  }
  for (let i = 0; i < steps; i++) {
    above[i] = (above[i] ?? 0) / loudest;
    below[i] = (below[i] ?? 0) / loudest;
  }
  return [above, below];
}
