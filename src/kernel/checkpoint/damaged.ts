/** A checkpoint that cannot be used; the message completes "the snapshot is damaged: ...". */
export class Damaged extends Error {}

/** A checkpoint that this kernel cannot have, though it is whole; the message is a sentence. */
export class Refused extends Error {}
