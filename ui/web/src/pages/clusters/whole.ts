/** For `Problem`: what is wrong as a whole is said once, and not again as a flaw of nothing. */
export const WHOLE = [""];
