/*
 * GFP flags by name.  Reference: the kernel's include/linux/gfp_types.h and the order of
 * include/trace/events/mmflags.h: compounds first, then what is left, bit by bit.
 */
#include "record/num.h"
#include "record/printf.h"

enum {
	DMA = 1 << 0,
	HIGHMEM = 1 << 1,
	DMA32 = 1 << 2,
	MOVABLE = 1 << 3,
	RECLAIMABLE = 1 << 4,
	HIGH = 1 << 5,
	IO = 1 << 6,
	FS = 1 << 7,
	ZERO = 1 << 8,
	DIRECT_RECLAIM = 1 << 10,
	KSWAPD_RECLAIM = 1 << 11,
	WRITE = 1 << 12,
	NOWARN = 1 << 13,
	RETRY_MAYFAIL = 1 << 14,
	NOFAIL = 1 << 15,
	NORETRY = 1 << 16,
	MEMALLOC = 1 << 17,
	COMP = 1 << 18,
	NOMEMALLOC = 1 << 19,
	HARDWALL = 1 << 20,
	THISNODE = 1 << 21,
	ACCOUNT = 1 << 22,
	ZEROTAGS = 1 << 23,
	SKIP_ZERO = 1 << 24,
	SKIP_KASAN = 1 << 25,
	NO_OBJ_EXT = 1 << 26,

	RECLAIM = DIRECT_RECLAIM | KSWAPD_RECLAIM,
	NOFS = RECLAIM | IO,
	KERNEL = NOFS | FS,
	USER = KERNEL | HARDWALL,
	HIGHUSER = USER | HIGHMEM,
	HIGHUSER_MOVABLE = HIGHUSER | MOVABLE | SKIP_KASAN,
	TRANSHUGE_LIGHT = (HIGHUSER_MOVABLE | COMP | NOMEMALLOC | NOWARN) & ~RECLAIM,
};

/* clang-format off */
static const struct {
	const char *name;
	uint64_t flags;
} gfp_names[] = {
	{ "GFP_TRANSHUGE",       TRANSHUGE_LIGHT | DIRECT_RECLAIM },
	{ "GFP_TRANSHUGE_LIGHT", TRANSHUGE_LIGHT },
	{ "GFP_HIGHUSER_MOVABLE", HIGHUSER_MOVABLE },
	{ "GFP_HIGHUSER",        HIGHUSER },
	{ "GFP_USER",            USER },
	{ "GFP_KERNEL_ACCOUNT",  KERNEL | ACCOUNT },
	{ "GFP_KERNEL",          KERNEL },
	{ "GFP_NOFS",            NOFS },
	{ "GFP_ATOMIC",          HIGH | KSWAPD_RECLAIM },
	{ "GFP_NOIO",            RECLAIM },
	{ "GFP_NOWAIT",          KSWAPD_RECLAIM | NOWARN },
	{ "GFP_DMA",             DMA },
	{ "__GFP_HIGHMEM",       HIGHMEM },
	{ "GFP_DMA32",           DMA32 },
	{ "__GFP_HIGH",          HIGH },
	{ "__GFP_IO",            IO },
	{ "__GFP_FS",            FS },
	{ "__GFP_ZERO",          ZERO },
	{ "__GFP_DIRECT_RECLAIM", DIRECT_RECLAIM },
	{ "__GFP_KSWAPD_RECLAIM", KSWAPD_RECLAIM },
	{ "__GFP_WRITE",         WRITE },
	{ "__GFP_NOWARN",        NOWARN },
	{ "__GFP_RETRY_MAYFAIL", RETRY_MAYFAIL },
	{ "__GFP_NOFAIL",        NOFAIL },
	{ "__GFP_NORETRY",       NORETRY },
	{ "__GFP_MEMALLOC",      MEMALLOC },
	{ "__GFP_COMP",          COMP },
	{ "__GFP_NOMEMALLOC",    NOMEMALLOC },
	{ "__GFP_HARDWALL",      HARDWALL },
	{ "__GFP_THISNODE",      THISNODE },
	{ "__GFP_ACCOUNT",       ACCOUNT },
	{ "__GFP_ZEROTAGS",      ZEROTAGS },
	{ "__GFP_SKIP_ZERO",     SKIP_ZERO },
	{ "__GFP_SKIP_KASAN",    SKIP_KASAN },
	{ "__GFP_NO_OBJ_EXT",    NO_OBJ_EXT },
};
/* clang-format on */

void printf_put_gfp(struct buf *out, uint64_t flags)
{
	const char *separator = "";

	if (flags == 0)
		buf_putc(out, '0');
	for (size_t i = 0; i < sizeof(gfp_names) / sizeof(gfp_names[0]); i++) {
		if ((flags & gfp_names[i].flags) != gfp_names[i].flags)
			continue;
		buf_puts(out, separator);
		buf_puts(out, gfp_names[i].name);
		flags &= ~gfp_names[i].flags;
		separator = "|";
	}
	if (flags) {
		buf_puts(out, separator);
		buf_puts(out, "0x");
		num_put_hex(out, flags);
	}
}
