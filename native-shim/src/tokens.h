/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens for objects that callers refer to: a token is the number of a slot and its generation, so the token
 * of a removed object finds nothing, even when the slot is reused.
 */
#ifndef WSKSHIM_TOKENS_H
#define WSKSHIM_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "lock.h"

/* Objects with a token begin with this. */
typedef struct token_object {
    int32_t references; /* the table's lock */
} token_object;

typedef struct token_slot {
    token_object* object;
    uint32_t generation;
    uint32_t next_free;
} token_slot;

typedef struct token_table {
    shim_lock lock;
    shim_condition released; /* signalled when an object's references fall to one */
    token_slot* slots;
    uint32_t capacity;
    uint32_t first_free; /* slot number + 1; 0 for none */
} token_table;

#define TOKEN_TABLE_INITIALIZER                                                                              \
    {                                                                                                        \
        SHIM_LOCK_INITIALIZER, SHIM_CONDITION_INITIALIZER, NULL, 0, 0                                        \
    }

/* Adds an object with one reference, the table's. Returns its token, positive as an int64_t, or 0 when out of
 * memory. */
uint64_t tokens_add(token_table* table, token_object* object);

/* Returns the object with an additional reference, or NULL. */
token_object* tokens_reference(token_table* table, uint64_t token);

/* Removes the object from the table; the table's reference becomes the caller's. NULL when it was not in the
 * table. */
token_object* tokens_remove(token_table* table, uint64_t token);

/* Drops a reference that is not the last. */
void tokens_release(token_table* table, token_object* object);

/* Waits at most timeout_ms milliseconds until the caller's reference is the only one; returns whether it is.
 * The object is no longer in the table, so there are no new references. */
bool tokens_await_release(token_table* table, token_object* object, uint32_t timeout_ms);

#endif
