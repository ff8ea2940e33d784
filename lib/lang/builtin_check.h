/*
 * Check functions of the rows of builtins.def, for builtin.c; the contract is builtin_check_fn's.
 */
#pragma once

#include "lang/builtin.h"
#include "lang/sema.h"

const struct type *builtin_check_bswap(struct sema *s, struct ast *call);
const struct type *builtin_check_buf(struct sema *s, struct ast *call);
const struct type *builtin_check_cgroup_path(struct sema *s, struct ast *call);
const struct type *builtin_check_cgroupid(struct sema *s, struct ast *call);
const struct type *builtin_check_comm_of(struct sema *s, struct ast *call);
const struct type *builtin_check_debugf(struct sema *s, struct ast *call);
const struct type *builtin_check_delete(struct sema *s, struct ast *call);
const struct type *builtin_check_fail(struct sema *s, struct ast *call);
const struct type *builtin_check_find(struct sema *s, struct ast *call);
const struct type *builtin_check_format(struct sema *s, struct ast *call);
const struct type *builtin_check_getopt(struct sema *s, struct ast *call);
const struct type *builtin_check_has_key(struct sema *s, struct ast *call);
const struct type *builtin_check_hist(struct sema *s, struct ast *call);
const struct type *builtin_check_is_literal(struct sema *s, struct ast *call);
const struct type *builtin_check_is_scalar(struct sema *s, struct ast *call);
const struct type *builtin_check_join(struct sema *s, struct ast *call);
const struct type *builtin_check_kaddr(struct sema *s, struct ast *call);
const struct type *builtin_check_kfunc(struct sema *s, struct ast *call);
const struct type *builtin_check_ksym(struct sema *s, struct ast *call);
const struct type *builtin_check_len(struct sema *s, struct ast *call);
const struct type *builtin_check_lhist(struct sema *s, struct ast *call);
const struct type *builtin_check_macaddr(struct sema *s, struct ast *call);
const struct type *builtin_check_map_whole(struct sema *s, struct ast *call);
const struct type *builtin_check_memcmp(struct sema *s, struct ast *call);
const struct type *builtin_check_name64(struct sema *s, struct ast *call);
const struct type *builtin_check_ntop(struct sema *s, struct ast *call);
const struct type *builtin_check_override(struct sema *s, struct ast *call);
const struct type *builtin_check_path(struct sema *s, struct ast *call);
const struct type *builtin_check_percpu_kaddr(struct sema *s, struct ast *call);
const struct type *builtin_check_print(struct sema *s, struct ast *call);
const struct type *builtin_check_ptr(struct sema *s, struct ast *call);
const struct type *builtin_check_pton(struct sema *s, struct ast *call);
const struct type *builtin_check_reg(struct sema *s, struct ast *call);
const struct type *builtin_check_signal(struct sema *s, struct ast *call);
const struct type *builtin_check_socket_cookie(struct sema *s, struct ast *call);
const struct type *builtin_check_str(struct sema *s, struct ast *call);
const struct type *builtin_check_str_concat(struct sema *s, struct ast *call);
const struct type *builtin_check_strftime(struct sema *s, struct ast *call);
const struct type *builtin_check_strlen(struct sema *s, struct ast *call);
const struct type *builtin_check_strncmp(struct sema *s, struct ast *call);
const struct type *builtin_check_strstr(struct sema *s, struct ast *call);
const struct type *builtin_check_tseries(struct sema *s, struct ast *call);
const struct type *builtin_check_uaddr(struct sema *s, struct ast *call);
const struct type *builtin_check_write_user(struct sema *s, struct ast *call);
