/** Names of members that the synchronous API itself needs of a unit, so that a repository can have any other name. */
export const noteEnd = Symbol('noteEnd');
export const hasEnded = Symbol('hasEnded');
export const callMember = Symbol('callMember');
