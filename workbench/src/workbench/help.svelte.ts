// Whether the help sheet is open; asked for from two places of the page.

export const help = $state({ open: false });
