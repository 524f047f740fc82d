// What this machine is: a Mac or not, and what is printed on its keys where the browser tells.

interface LayoutMap {
  getLayoutMap(): Promise<ReadonlyMap<string, string>>;
}

class Look {
  readonly mac = /Mac|iPhone|iPad/.test(navigator.platform);
  layout = $state.raw<ReadonlyMap<string, string>>(new Map());

  constructor() {
    const keyboard = (navigator as { keyboard?: LayoutMap }).keyboard;
    keyboard?.getLayoutMap().then(
      (map) => (this.layout = map),
      () => undefined,
    );
  }
}

export const look = new Look();
