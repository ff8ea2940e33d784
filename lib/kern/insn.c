#include "kern/insn.h"

#include <elf.h>
#include <string.h>

#define X86_LENGTH_MAX 15

/*
 * What follows an opcode, one letter each:
 *   .  nothing                m  ModR/M               b  ModR/M, imm8      z  ModR/M, imm32 (imm16
 * after 66) i  imm8 or rel8           w  imm16                v  imm32 (imm16 after 66) j  rel32 q
 * imm64 with REX.W, else as v               o  address of 8 bytes e  imm16, imm8 (enter)    x  not
 * an instruction   p  prefix or escape  g, G  group 3 (imm for /0, /1) Rows of 16, intel SDM volume
 * 2 appendix A.2, tables A-2 (one byte) and A-3 (after 0F).
 */
/* clang-format off */
static const char one_byte[] = "mmmmivxxmmmmivxp" // 00
			       "mmmmivxxmmmmivxx" // 10
			       "mmmmivpxmmmmivpx" // 20
			       "mmmmivpxmmmmivpx" // 30
			       "pppppppppppppppp" // 40: REX
			       "................" // 50
			       "xxpmppppvzib...." // 60
			       "iiiiiiiiiiiiiiii" // 70
			       "bzxbmmmmmmmmmmmm" // 80
			       "..........x....." // 90
			       "oooo....iv......" // a0
			       "iiiiiiiiqqqqqqqq" // b0
			       "bbw.ppbze.w..ix." // c0
			       "mmmmxxx.mmmmmmmm" // d0
			       "iiiiiiiijjxi...." // e0
			       "p.pp..gG......mm"; // f0

static const char two_byte[] = "mmmmx.....x.xm.b" // 00
			       "mmmmmmmmmmmmmmmm" // 10
			       "mmmmxxxxmmmmmmmm" // 20
			       "........pxpxxxxx" // 30: 0f 38, 0f 3a
			       "mmmmmmmmmmmmmmmm" // 40
			       "mmmmmmmmmmmmmmmm" // 50
			       "mmmmmmmmmmmmmmmm" // 60
			       "bbbbmmm.mmxxmmmm" // 70
			       "jjjjjjjjjjjjjjjj" // 80
			       "mmmmmmmmmmmmmmmm" // 90
			       "...mbmxx...mbmmm" // a0
			       "mmmmmmmmmmbmmmmm" // b0
			       "mmbmbbbm........" // c0
			       "mmmmmmmmmmmmmmmm" // d0
			       "mmmmmmmmmmmmmmmm" // e0
			       "mmmmmmmmmmmmmmmm"; // f0
/* clang-format on */

struct decoder {
	const uint8_t *code;
	size_t size; // not more than X86_LENGTH_MAX
	size_t at;
	bool is_cut; // the code ended within the instruction
	bool has_66;
	bool has_67;
	bool has_rex_w;
};

static uint8_t next_byte(struct decoder *d)
{
	if (d->at >= d->size) {
		d->is_cut = true;
		return 0;
	}
	return d->code[d->at++];
}

static uint8_t peek_byte(const struct decoder *d)
{
	return d->at < d->size ? d->code[d->at] : 0;
}

static void skip(struct decoder *d, size_t count)
{
	if (count > d->size - d->at)
		d->is_cut = true;
	else
		d->at += count;
}

/* ModR/M, SIB and displacement (SDM volume 2, tables 2-2 and 2-3). */
static void skip_modrm(struct decoder *d)
{
	uint8_t modrm = next_byte(d), mod = modrm >> 6, rm = modrm & 7;

	if (mod == 3)
		return;
	if (rm == 4) {
		uint8_t sib = next_byte(d);

		if (mod == 0 && (sib & 7) == 5)
			skip(d, 4);
	} else if (mod == 0 && rm == 5) {
		skip(d, 4);
	}
	if (mod == 1)
		skip(d, 1);
	else if (mod == 2)
		skip(d, 4);
}

static bool skip_operands(struct decoder *d, char layout)
{
	bool has_immediate = (peek_byte(d) >> 3 & 7) < 2; // of group 3: test

	if (layout && strchr("mbzgG", layout))
		skip_modrm(d);
	switch (layout) {
	case '.':
	case 'm': break;
	case 'b':
	case 'i': skip(d, 1); break;
	case 'w': skip(d, 2); break;
	case 'e': skip(d, 3); break;
	case 'j': skip(d, 4); break;
	case 'z':
	case 'v': skip(d, d->has_66 ? 2 : 4); break;
	case 'q': skip(d, d->has_rex_w ? 8 : d->has_66 ? 2 : 4); break;
	case 'o': skip(d, d->has_67 ? 4 : 8); break;
	case 'g': skip(d, has_immediate ? 1 : 0); break;
	case 'G': skip(d, !has_immediate ? 0 : d->has_66 ? 2 : 4); break;
	default: return false;
	}
	return true;
}

/* The opcode maps behind VEX and EVEX prefixes: 1 is 0F, 2 is 0F 38, 3 is 0F 3A, 5 and 6 FP16. */
static bool decode_vector(struct decoder *d, unsigned map)
{
	uint8_t opcode = next_byte(d);

	switch (map) {
	case 1: return skip_operands(d, opcode == 0x77 ? '.' : two_byte[opcode] == 'b' ? 'b' : 'm');
	case 2:
	case 5:
	case 6: return skip_operands(d, 'm');
	case 3: return skip_operands(d, 'b');
	default: return false;
	}
}

static bool decode_xop(struct decoder *d)
{
	unsigned map = next_byte(d) & 0x1f;

	skip(d, 2);
	skip_modrm(d);
	if (map == 8)
		skip(d, 1);
	else if (map == 10)
		skip(d, 4);
	return map >= 8 && map <= 10;
}

static bool decode_two_byte(struct decoder *d)
{
	uint8_t opcode = next_byte(d);

	if (opcode != 0x38 && opcode != 0x3a)
		return skip_operands(d, two_byte[opcode]);
	(void)next_byte(d);
	return skip_operands(d, opcode == 0x38 ? 'm' : 'b');
}

static bool decode_opcode(struct decoder *d, uint8_t opcode)
{
	unsigned map;

	switch (opcode) {
	case 0x0f: return decode_two_byte(d);
	case 0xc5: (void)next_byte(d); return decode_vector(d, 1);
	case 0xc4:
		map = next_byte(d) & 0x1f;
		(void)next_byte(d);
		return decode_vector(d, map);
	case 0x62:
		map = next_byte(d) & 7;
		skip(d, 2);
		return decode_vector(d, map);
	case 0x8f:
		if ((peek_byte(d) & 0x1f) >= 8)
			return decode_xop(d);
		return skip_operands(d, 'm');
	default: return skip_operands(d, one_byte[opcode]);
	}
}

static bool is_legacy_prefix(uint8_t b)
{
	switch (b) {
	case 0x26:
	case 0x2e:
	case 0x36:
	case 0x3e:
	case 0x64:
	case 0x65:
	case 0x66:
	case 0x67:
	case 0xf0:
	case 0xf2:
	case 0xf3: return true;
	default: return false;
	}
}

size_t insn_length_x86_64(const uint8_t *code, size_t size)
{
	struct decoder d = { .code = code, .size = size < X86_LENGTH_MAX ? size : X86_LENGTH_MAX };
	uint8_t b = next_byte(&d);

	while (!d.is_cut && is_legacy_prefix(b)) {
		d.has_66 |= b == 0x66;
		d.has_67 |= b == 0x67;
		b = next_byte(&d);
	}
	if ((b & 0xf0) == 0x40) {
		d.has_rex_w = b & 8;
		b = next_byte(&d);
	}
	if (d.is_cut || !decode_opcode(&d, b) || d.is_cut)
		return 0;
	return d.at;
}

bool insn_is_boundary(const uint8_t *code, size_t size, size_t offset, uint16_t machine)
{
	if (offset >= size)
		return false;
	if (machine == EM_AARCH64)
		return offset % 4 == 0;
	for (size_t at = 0; at <= offset;) {
		size_t len = insn_length_x86_64(code + at, size - at);

		if (at == offset)
			return len != 0;
		if (!len)
			return false;
		at += len;
	}
	return false;
}

static bool is_return_x86_64(const uint8_t *code, size_t len)
{
	size_t at = 0;

	/* "rep ret" and "bnd ret" are written for old branch predictors and MPX. */
	while (at + 1 < len && (is_legacy_prefix(code[at]) || (code[at] & 0xf0) == 0x40))
		at++;
	return code[at] == 0xc3 || code[at] == 0xc2;
}

/* RET, RETAA, RETAB (Arm ARM, C6.2). */
static bool is_return_aarch64(const uint8_t *code)
{
	uint32_t insn;

	memcpy(&insn, code, sizeof(insn));
	return (insn & 0xfffffc1f) == 0xd65f0000 || insn == 0xd65f0bff || insn == 0xd65f0fff;
}

long insn_find_returns(const uint8_t *code, size_t size, uint16_t machine, uint64_t *offsets,
		       size_t max)
{
	size_t found = 0, len;

	if (machine != EM_X86_64 && machine != EM_AARCH64)
		return -1;
	for (size_t at = 0; at < size; at += len) {
		bool is_return;

		len = machine == EM_AARCH64 ? 4 : insn_length_x86_64(code + at, size - at);
		if (!len || len > size - at)
			return -1;
		is_return = machine == EM_AARCH64 ? is_return_aarch64(code + at)
						  : is_return_x86_64(code + at, len);
		if (is_return && found < max)
			offsets[found] = at;
		found += is_return;
	}
	return (long)found;
}
