/** The library did something else than it promises. */
export class Disagreement extends Error {}
