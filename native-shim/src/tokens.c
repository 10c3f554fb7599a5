/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens with generations; tokens.h says what they are for.
 */
#include "tokens.h"

#include <stdlib.h>

#define GENERATION_MASK  0x7FFFFFFFu
#define INITIAL_CAPACITY 64u
#define MAXIMUM_CAPACITY 0x100000u

/* The lock is held. */
static int grow(token_table* table)
{
    uint32_t capacity = table->capacity == 0 ? INITIAL_CAPACITY : table->capacity * 2;
    if (capacity > MAXIMUM_CAPACITY) {
        return 0;
    }
    token_slot* slots = realloc(table->slots, capacity * sizeof *slots);
    if (slots == NULL) {
        return 0;
    }
    for (uint32_t i = table->capacity; i < capacity; i++) {
        slots[i] = (token_slot){NULL, 0, i + 1 < capacity ? i + 2 : 0};
    }
    table->first_free = table->capacity + 1;
    table->slots = slots;
    table->capacity = capacity;
    return 1;
}

/* The lock is held. */
static token_slot* find(token_table* table, uint64_t token)
{
    uint32_t index = (uint32_t)token;
    if (index >= table->capacity) {
        return NULL;
    }
    token_slot* slot = &table->slots[index];
    return slot->object != NULL && slot->generation == token >> 32 ? slot : NULL;
}

uint64_t tokens_add(token_table* table, token_object* object)
{
    uint64_t token = 0;
    shim_lock_acquire(&table->lock);
    if (table->first_free != 0 || grow(table)) {
        uint32_t index = table->first_free - 1;
        token_slot* slot = &table->slots[index];
        table->first_free = slot->next_free;
        slot->generation = (slot->generation + 1) & GENERATION_MASK;
        slot->generation += slot->generation == 0;
        slot->object = object;
        object->references = 1;
        token = (uint64_t)slot->generation << 32 | index;
    }
    shim_lock_release(&table->lock);
    return token;
}

token_object* tokens_reference(token_table* table, uint64_t token)
{
    shim_lock_acquire(&table->lock);
    token_slot* slot = find(table, token);
    token_object* object = slot == NULL ? NULL : slot->object;
    if (object != NULL) {
        object->references++;
    }
    shim_lock_release(&table->lock);
    return object;
}

token_object* tokens_remove(token_table* table, uint64_t token)
{
    shim_lock_acquire(&table->lock);
    token_slot* slot = find(table, token);
    token_object* object = slot == NULL ? NULL : slot->object;
    if (object != NULL) {
        slot->object = NULL;
        slot->next_free = table->first_free;
        table->first_free = (uint32_t)token + 1;
    }
    shim_lock_release(&table->lock);
    return object;
}

void tokens_release(token_table* table, token_object* object)
{
    shim_lock_acquire(&table->lock);
    if (--object->references == 1) {
        shim_condition_wake_all(&table->released);
    }
    shim_lock_release(&table->lock);
}

bool tokens_await_release(token_table* table, token_object* object, uint32_t timeout_ms)
{
    shim_lock_acquire(&table->lock);
    if (object->references > 1) {
        shim_condition_wait(&table->released, &table->lock, timeout_ms);
    }
    bool alone = object->references == 1;
    shim_lock_release(&table->lock);
    return alone;
}
