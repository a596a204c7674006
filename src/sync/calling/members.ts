/** Names of members that the synchronous API itself needs of a unit, so that a repository can have any other name. */
export const noteEnd = Symbol('noteEnd');
export const endedByHand = Symbol('endedByHand');
export const callMember = Symbol('callMember');
