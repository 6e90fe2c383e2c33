/** A sign for each page of the navigation, in the strokes of the mark. Of 16 × 16. */
const SIGNS: Record<string, string> = {
  "/": "M2.5 2.5H7v6H2.5zM9 2.5h4.5V6H9zM9 8h4.5v5.5H9zM2.5 10.5H7v3H2.5z",
  "/clusters": "M8 5.5a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM3.5 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM12.5 14a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7 5.3 4.4 10.2M9 5.3l2.6 4.9M5.5 12h5",
  "/runs": "M2 3.5h6M5 8h6M9 12.5h5",
  "/install": "M8 2v7.5M4.8 6.5 8 9.7l3.2-3.2M2.5 11v2.5h11V11",
  "/hosts": "M2.5 2.5h11V7h-11zM2.5 9h11v4.5h-11zM5 4.75h.01M5 11.25h.01",
  "/bundles": "M2.5 5 8 2l5.5 3v6L8 14l-5.5-3zM2.5 5 8 8l5.5-3M8 8v6",
  "/users": "M8 8a2.75 2.75 0 1 0 0-5.5A2.75 2.75 0 0 0 8 8zM2.75 13.5C3.35 11.1 5.35 9.75 8 9.75s4.65 1.35 5.25 3.75",
  "/tokens": "M5 13.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5zM6.8 9.2 13 3M10.5 5.5l2 2",
  "/sessions": "M2 3h12v8H2zM5.5 13.5h5M8 11v2.5",
  "/trust": "M8 1.8 13 3.8v4c0 3-2 5.2-5 6.4-3-1.2-5-3.4-5-6.4v-4zM5.8 8l1.6 1.6 3-3.2",
  "/settings": "M2 4.5h6M11.5 4.5H14M2 11.5h2.5M8 11.5h6M9.75 6.25a1.75 1.75 0 1 0 0-3.5 1.75 1.75 0 0 0 0 3.5zM6.25 13.25a1.75 1.75 0 1 0 0-3.5 1.75 1.75 0 0 0 0 3.5z",
  "/audit": "M3 2h10v12H3zM5.5 5h5M5.5 8h5M5.5 11h3",
  "/about": "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.3V11M8 5h.01",
};

/** Says nothing that the words beside it do not say. */
export function Sign({ of }: { of: string }) {
  return <svg className="sign" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d={SIGNS[of] ?? ""} /></svg>;
}
