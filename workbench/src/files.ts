// Files from an input, a drop, or a folder dropped whole.

const EXTENSIONS =
  /\.(3gp|aac|aif|aiff|amr|ape|au|caf|flac|m4a|m4b|mka|mkv|mov|mp2|mp3|mp4|mpeg|mpg|oga|ogg|opus|spx|ts|wav|wave|webm|wma|wmv|wv|avi)$/i;
const HIDDEN = /^(\..*|Thumbs\.db|desktop\.ini)$/i;

/** Tell recordings from what lies around them in a folder; a file whose kind is unknown is let through by name. */
export function sort(files: File[]): { wanted: File[]; other: File[] } {
  const wanted: File[] = [];
  const other: File[] = [];
  for (const file of files) {
    const kind = file.type.split("/")[0];
    const audible = kind === "audio" || kind === "video" || EXTENSIONS.test(file.name);
    // One file that was picked by hand is always tried: the server judges content, not names.
    (!HIDDEN.test(file.name) && (audible || files.length === 1) ? wanted : other).push(file);
  }
  return { wanted, other };
}

export function chosenFiles(input: HTMLInputElement): File[] {
  return [...(input.files ?? [])];
}

export async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  // Entries must be taken before the first await: the browser empties the list afterwards.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  const files = [...transfer.files];
  if (entries.every((entry) => entry === null || entry.isFile)) return files;
  const found: File[] = [];
  for (const entry of entries) if (entry) await walk(entry, found);
  return found;
}

async function walk(entry: FileSystemEntry, found: File[]): Promise<void> {
  if (entry.isFile) {
    const file = await new Promise<File | null>((resolve) => (entry as FileSystemFileEntry).file(resolve, () => resolve(null)));
    if (file) found.push(file);
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve) => reader.readEntries(resolve, () => resolve([])));
    if (!some.length) return;
    for (const inner of some) await walk(inner, found);
  }
}
