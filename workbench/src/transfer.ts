// One file on its way by tus: retried while that can help, and gone on with where an earlier try stopped.

import { defaultOptions, Upload, type HttpResponse } from "tus-js-client";
import { csrfToken, refusalOf } from "./http";

const RETRY_MS = [0, 1_000, 3_000, 5_000, 10_000, 20_000];

export interface Way {
  endpoint: string;
  /** Bytes of one request, at most what the server takes. */
  chunk: number;
  metadata: Record<string, string>;
  /** What the browser remembers the transfer by, until `forget`; unless told, by file and endpoint until it is whole. */
  fingerprint?: (file: File) => string;
  onProgress: (sent: number) => void;
  onRefused: (message: string) => void;
  onWhole: (answer: HttpResponse) => void;
}

export function transfer(file: File, way: Way): Upload {
  const { fingerprint } = way;
  return new Upload(file, {
    endpoint: way.endpoint,
    chunkSize: way.chunk,
    retryDelays: RETRY_MS,
    metadata: { filename: file.name, ...way.metadata },
    removeFingerprintOnSuccess: !fingerprint,
    ...(fingerprint ? { fingerprint: () => Promise.resolve(fingerprint(file)) } : {}),
    onBeforeRequest: (request) => request.setHeader("X-CSRFToken", csrfToken()),
    onShouldRetry: (error) => {
      const status = error.originalResponse?.getStatus() ?? 0;
      return status === 0 || status === 409 || status === 423 || status === 429 || status === 460 || status >= 500;
    },
    onProgress: way.onProgress,
    onError: (error) => way.onRefused(told("originalResponse" in error ? (error.originalResponse as HttpResponse | null) : null)),
    onSuccess: ({ lastResponse }) => way.onWhole(lastResponse),
  });
}

/** Start it, or go on with what the browser remembers of an earlier try, unless that is no longer wanted then. */
export async function begin(upload: Upload, wanted: () => boolean): Promise<void> {
  if (upload.url === null) {
    const known = await upload.findPreviousUploads().catch(() => []);
    const newest = known.at(-1);
    if (newest) upload.resumeFromPreviousUpload(newest);
  }
  if (wanted()) upload.start();
}

/** Let the browser remember nothing of a transfer that is of no more use. */
export async function forget(upload: Upload): Promise<void> {
  for (const previous of await upload.findPreviousUploads().catch(() => []))
    await defaultOptions.urlStorage?.removeUpload(previous.urlStorageKey).catch(() => undefined);
}

function told(response: HttpResponse | null): string {
  if (!response) return "The site cannot be reached. What arrived is kept; retry when the network is back.";
  try {
    return refusalOf(response.getStatus(), JSON.parse(response.getBody())).message;
  } catch {
    return refusalOf(response.getStatus(), null).message;
  }
}
