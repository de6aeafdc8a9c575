/**
 * Where things lie in the sandbox's WebAssembly memory. All addresses here are offsets into that memory, known when
 * code is emitted, so that they end up as immediates.
 *
 *   0x00100  scratch        results of helpers that do not fit a register, and the bounce buffer
 *   0x01000  CPU            the running thread's registers (others keep theirs in a CpuState)
 *   0x02000  ranges         of pages that are found together, by pointer
 *   0x06000  TLB log        which entries were written
 *   0x10000  jump cache     guest address -> table slot and decoded block
 *   0x20000  shuffle masks  of the vector instructions with an immediate, then the tables of AES, rcp and rsqrt
 *   0x40000  decoded code   the interpreter's records
 *   CODE_LINES              for every frame, which of its 64-byte lines code was made from
 *   JUMP_TABLE              what the jump cache has no room for
 *   FRAME_BLOCKS            for every frame, the blocks decoded from it
 *   BLOCK_HASH              blocks by their address
 *   REGION_COUNTS           where regions begin
 *   CALL_TARGETS            where functions begin
 *   DECODER                 the decoder's tables
 *   TLB_READ, TLB_WRITE     of the running address space
 *   FRAME_WRITTEN           for every frame, whether the write TLB may have it
 *   FRAME_BASE              frames, to the end of memory; frame n is the 4 KiB at n * 4096
 */
export const PAGE_SHIFT = 12;
export const PAGE_SIZE = 4096;
export const PAGE_MASK = PAGE_SIZE - 1;
/** First address past user space: 47 bits. */
export const USER_END = 0x800000000000;

export const SCRATCH = 0x100;
/** i32, set by the slow path of SSE's arithmetic: not 0 if an unmasked exception is due. */
export const FLOAT_RAISED = SCRATCH + 0x40;
/** An access over a page's end is done here; 64 bytes. A "physical address" below BOUNCE_END means: copy back. */
export const BOUNCE = 0x180;
export const BOUNCE_END = 0x1c0;
/** The last bytes of a page, and zeros, where the decoder cannot read on. 64 bytes. */
export const PAGE_TAIL = 0x1c0;
/** crc32's table, 256 x i32, filled when first used. */
export const CRC32C = 0x400;

export const CPU = 0x1000;

/** Enough for 32 MiB: a compressor's or a database's tables. An entry that is not used takes no place in the host's caches. */
export const TLB_ENTRIES = 8192;
/** An entry: the page's address as i64 (-1 when empty), then as i32 what turns a guest address into an offset here. */
export const TLB_ENTRY_SIZE = 16;
export const TLB_DISPLACEMENT = 8;
/**
 * Then the range of pages of which the page is one, i32: how many lie before it, how many behind it, ten bits each, and
 * CPU_RANGES_EPOCH when that was found, twelve bits that are never all 0.
 */
export const TLB_RANGE = 12;
export const BEFORE_SHIFT = 22;
export const BEHIND_SHIFT = 12;
export const RANGE_COUNT_MASK = 0x3ff;
export const RANGES_EPOCH_MASK = 0xfff;
/** (address >>> TLB_INDEX_SHIFT) & TLB_INDEX_MASK is the entry's offset in its table. */
export const TLB_INDEX_SHIFT = 8;
export const TLB_INDEX_MASK = (TLB_ENTRIES - 1) << 4;
/** Which entries of the TLBs were written last, as CPU_JUMP_LOG has it of the jump cache; CPU_TLB_MISSES counts them. */
export const TLB_LOG = 0x6000;
export const TLB_LOG_ENTRIES = 2048;

/**
 * Ranges of pages that lie in the memory as they lie in the address space, and may be accessed alike (core/ranges.ts):
 * the address as i64, the length, then what turns a guest address into an offset here, both i32. Regions have slots for
 * pointers, one for reading and one for writing: where an access by that pointer was found last.
 * At a place that takes two bytes in code.
 */
export const RANGE_LENGTH = 8;
export const RANGE_DISPLACEMENT = 12;
export const RANGE_SIZE = 16;
/** Slot 0 is none, 1 is rsp's. */
export const RANGE_SLOTS = 256;
export const RSP_SLOT = 1;
export const RANGES_BYTES = RANGE_SLOTS * RANGE_SIZE;
export const RANGES_READ = 0x2000;
export const RANGES_WRITE = RANGES_READ + RANGES_BYTES;
/**
 * An empty range lies where no address does, since it is not canonical; its displacement, 0, leads to the memory's first
 * page. It is as long as an access, as emitted code compares with the length less what is accessed.
 */
export const NO_RANGE = [0, 0x80005afe, 64, 0] as const;
/** Which slots were filled last, as offsets of what is for reading and writing together; CPU_RANGES_FOUND counts them. */
export const RANGE_LOG = RANGES_WRITE + RANGES_BYTES;
export const RANGE_LOG_ENTRIES = 256;

export const JUMP_CACHE = 0x10000;
export const JUMP_ENTRIES = 4096;
/**
 * An entry: guest address i64, table slot i32 (0: not translated), decoded block i32 (0: none, or there is a slot). An
 * empty entry is all zero: address 0 then finds slot 0, as any code that is not translated. For an address's entry see
 * code/jump-cache.ts.
 */
export const JUMP_ENTRY_SIZE = 16;
export const JUMP_SLOT = 8;
export const JUMP_BLOCK = 12;

/** See semantics/sse/permute.ts, semantics/crypto and semantics/sse/reciprocal.ts. */
export const SHUFFLE_MASKS = 0x20000;
export const AES_TABLES = 0x3e000;
export const CARRYLESS_MASKS = 0x3e800;
export const RECIPROCALS = 0x3f000;

export const DECODED = 0x40000;
export const DECODED_END = 0x1040000;
export const RECORD_SIZE = 32;
/** At its start: a record that begins with a look-up of rip (HANDLER_START: all zeros); room for one instruction out of turn; then blocks. */
export const START_RECORD = DECODED;
export const STEP_RECORDS = DECODED + 0x20;
export const FIRST_BLOCK = DECODED + 0x100;
/** One i64 a frame, bit n for line n. Room for all 2^20 frames; untouched, it costs nothing. */
export const CODE_LINES = DECODED_END;
export const CODE_LINE_SHIFT = 6;
/**
 * Behind the jump cache: more entries, kept when another space runs. An entry is one of the jump cache's, then the epoch
 * (memory/tlb.ts) in which it is good, i32.
 */
export const JUMP_TABLE = CODE_LINES + 0x800000;
export const JUMP_TABLE_ENTRIES = 65536;
export const JUMP_TABLE_ENTRY_SIZE = 32;
export const JUMP_EPOCH = 16;
/** One i32 a frame: its first block; the others follow by the headers (code/block-lists.ts). Untouched, it costs nothing. */
export const FRAME_BLOCKS = JUMP_TABLE + JUMP_TABLE_ENTRIES * JUMP_TABLE_ENTRY_SIZE;
/** One i32 an entry: the first block whose address is hashed to it. */
export const BLOCK_HASH = FRAME_BLOCKS + 0x400000;
export const BLOCK_HASH_ENTRIES = 32768;
/** One u16 an entry: how many regions have entries that are hashed to it. Where there are none, nobody need be asked. */
export const REGION_COUNTS = BLOCK_HASH + BLOCK_HASH_ENTRIES * 4;
export const REGION_COUNTS_ENTRIES = 32768;
/** See code/call-targets.ts. */
export const CALL_TARGETS = REGION_COUNTS + REGION_COUNTS_ENTRIES * 2;
export const CALL_TARGETS_SIZE = 65536;
/** See interpret/decoder-tables.ts. */
export const DECODER = CALL_TARGETS + CALL_TARGETS_SIZE;
export const DECODER_END = DECODER + 0x20000;
export const TLB_READ = DECODER_END;
export const TLB_WRITE = TLB_READ + TLB_ENTRIES * TLB_ENTRY_SIZE;
/** One byte a frame: not 0 if it was put into the write TLB since it was last taken out of it. Untouched, it costs nothing. */
export const FRAME_WRITTEN = TLB_WRITE + TLB_ENTRIES * TLB_ENTRY_SIZE;
export const FRAME_BASE = FRAME_WRITTEN + 0x100000;
export const FIRST_FRAME = FRAME_BASE / PAGE_SIZE;

/** Offsets in the CPU block. Everything a thread's context consists of lies in [0, CPU_STATE_SIZE). */
export const CPU_GPR = 0; // 16 x i64: rax rcx rdx rbx rsp rbp rsi rdi r8..r15
export const CPU_RIP = 0x80; // i64
/** Arithmetic flags, lazily: see semantics/flags.ts. */
export const CPU_CC_KIND = 0x88; // i32
export const CPU_DF = 0x8c; // i32: 0 or 1
export const CPU_CC_X = 0x90; // i64
export const CPU_CC_Y = 0x98; // i64
/** The other bits of RFLAGS that user code can set (TF, AC, ID, NT), at their places. */
export const CPU_EFLAGS = 0xa0; // i32
export const TRAP_FLAG = 1 << 8;
export const CPU_MXCSR = 0xa4; // i32
/**
 * Segment bases, i64 each; index 0 is the flat segment and always 0. A record or an operand names a segment by the
 * index here.
 */
export const CPU_SEGMENT = 0xa8; // flat, fs, gs
export const CPU_ZERO = 0xc0; // i64, always 0: the base or index register that is not there
export const SEG_FLAT = 0;
export const SEG_FS = 1;
export const SEG_GS = 2;
/** x87: control, status (TOP included), and tag word in FXSAVE's short form (bit set: register in use), each i32. */
export const CPU_FCW = 0xd0;
export const CPU_FSW = 0xd4;
export const CPU_FTW = 0xd8;
export const CPU_FOP = 0xdc;
export const CPU_FIP = 0xe0; // i64
export const CPU_FDP = 0xe8; // i64
/** The segment registers' selectors, 8 bits each, xor those that they have at the start (semantics/integer/segments.ts). */
export const CPU_SELECTORS = 0xf0; // i64
/** Eight physical x87 registers R0..R7 (not rotated by TOP), 16 bytes each, the low 10 used; MMX aliases their low 8. */
export const CPU_X87 = 0x100;
/** 16 vector registers of 16 bytes, then room for their upper halves. */
export const CPU_XMM = 0x180;
export const CPU_YMM_HIGH = 0x280;
export const CPU_STATE_SIZE = 0x400;

/** Beyond the thread's context: how the last run ended, and the running slice. */
export const CPU_EXIT = 0x400; // i32: EXIT_*, 0 while running
export const CPU_EXIT_VECTOR = 0x404; // i32
export const CPU_EXIT_ERROR = 0x408; // i32
export const CPU_EXIT_ADDRESS = 0x410; // i64
/** Counts down at back edges and calls; below 0 the code leaves. The kernel makes it 0 to get control soon. */
export const CPU_BUDGET = 0x418; // i32
/** Free stack, counted in nested calls of regions. */
export const CPU_CALL_DEPTH = 0x41c; // i32
/** Instructions interpreted and, roughly, translated code run: f64 counters would cost more than they tell. */
export const CPU_INSTRUCTIONS = 0x420; // i64
/** Offset of the running address space's topmost page table. */
export const CPU_PAGE_ROOT = 0x428; // i32
/** Not 0: code that may be running was dropped or unmapped, so it must be left; the dispatcher makes it 0 again. */
export const CPU_CODE_STALE = 0x42c; // i32
/** Misses of the TLB since the machine was made. */
export const CPU_TLB_MISSES = 0x430; // i32
/** How many answers the translator's thread has sent; written by that thread. */
export const CPU_TRANSLATED = 0x470; // i32
/** Not 0: the translator's thread has put away what is to be kept. */
export const CPU_PUT_AWAY = 0x474; // i32
/**
 * Written, never read (16 bytes). V8 mixes the operations of values that do not depend on each other, and so needs many
 * registers; a value that is stored is worked out before what is loaded behind it.
 */
export const CPU_SETTLED = 0x480;
/** The interpreter: an address of 32 bits, made by the record before the one that uses it. */
export const CPU_ADDRESS = 0x438; // i64
/** The running space's epoch (memory/tlb.ts). */
export const CPU_EPOCH = 0x448; // i32
/** Entries written to the jump cache since it was emptied. */
export const CPU_JUMPS_CACHED = 0x44c; // i32
/** Where the next decoded block goes; how many were decoded; how many instructions of one are interpreted before it is hot. */
export const CPU_NEXT_BLOCK = 0x450; // i32
export const CPU_BLOCKS_DECODED = 0x454; // i32
export const CPU_HEAT = 0x458; // i32
/** Ranges that were found before it became another are good no more; how often slots were filled since. */
export const CPU_RANGES_EPOCH = 0x460; // i32
export const CPU_RANGES_FOUND = 0x464; // i32
/** Accesses that were not in their slot's range, but in the TLB. */
export const CPU_RANGE_MISSES = 0x468; // i32
/**
 * Which entries of the jump cache were written last, as offsets in the memory, i32 each: where there were few since it was
 * emptied, as in a process that runs for a moment, only those need be emptied again. The n-th is written at n modulo
 * JUMP_LOG_ENTRIES; CPU_JUMPS_CACHED counts.
 */
export const JUMP_LOG_ENTRIES = 128;
export const CPU_JUMP_LOG = 0x800;
/** Where the interpreter stops: at the address at which the region that called it goes on; -1: nowhere. */
export const CPU_UNTIL = 0x440; // i64

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
