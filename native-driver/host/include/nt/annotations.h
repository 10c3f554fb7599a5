/* SPDX-License-Identifier: Apache-2.0
 *
 * The source annotations that WDK code carries. Only Microsoft's analyser reads them; here they are empty.
 */
#ifndef NT_ANNOTATIONS_H
#define NT_ANNOTATIONS_H

#define _In_
#define _In_opt_
#define _In_z_
#define _In_reads_(n)
#define _In_reads_opt_(n)
#define _In_reads_bytes_(n)
#define _In_reads_bytes_opt_(n)
#define _In_range_(low, high)
#define _Inout_
#define _Inout_opt_
#define _Inout_updates_(n)
#define _Inout_updates_bytes_(n)
#define _Inout_updates_opt_(n)
#define _Out_
#define _Out_opt_
#define _Out_range_(low, high)
#define _Out_writes_(n)
#define _Out_writes_opt_(n)
#define _Out_writes_to_(n, used)
#define _Out_writes_bytes_(n)
#define _Out_writes_bytes_opt_(n)
#define _Out_writes_bytes_to_(n, used)
#define _Out_writes_bytes_to_opt_(n, used)
#define _Outptr_
#define _Outptr_opt_
#define _Outptr_result_maybenull_
#define _Outptr_result_bytebuffer_(n)
#define _Outptr_result_buffer_(n)
#define _Reserved_
#define _Field_size_(n)
#define _Field_size_opt_(n)
#define _Field_size_bytes_(n)
#define _Field_size_bytes_opt_(n)
#define _Field_z_
#define _Struct_size_bytes_(n)
#define _Null_terminated_
#define _Printf_format_string_

#define _Must_inspect_result_
#define _Check_return_
#define _Ret_maybenull_
#define _Ret_notnull_
#define _Success_(condition)
#define _When_(condition, annotation)
#define _At_(target, annotation)
#define _Pre_
#define _Post_
#define _Pre_satisfies_(condition)
#define _Post_satisfies_(condition)
#define _Analysis_assume_(condition)
#define _Use_decl_annotations_
#define _Function_class_(name)
#define _Kernel_clear_do_init_(answer)
#define _Dispatch_type_(major)
#define _Frees_ptr_
#define _Frees_ptr_opt_

#define _IRQL_requires_(irql)
#define _IRQL_requires_max_(irql)
#define _IRQL_requires_min_(irql)
#define _IRQL_requires_same_
#define _IRQL_raises_(irql)
#define _IRQL_saves_
#define _IRQL_saves_global_(kind, target)
#define _IRQL_restores_
#define _IRQL_restores_global_(kind, target)
#define _IRQL_uses_cancel_

#define _Acquires_lock_(lock)
#define _Releases_lock_(lock)
#define _Acquires_exclusive_lock_(lock)
#define _Releases_exclusive_lock_(lock)
#define _Acquires_shared_lock_(lock)
#define _Releases_shared_lock_(lock)
#define _Requires_lock_held_(lock)
#define _Requires_lock_not_held_(lock)
#define _Requires_exclusive_lock_held_(lock)
#define _Requires_shared_lock_held_(lock)
#define _Guarded_by_(lock)
#define _Write_guarded_by_(lock)
#define _Has_lock_kind_(kind)
#define _Interlocked_
#define _Interlocked_operand_
#define _No_competing_thread_
#define _No_competing_thread_begin_
#define _No_competing_thread_end_

#define __drv_aliasesMem
#define __drv_freesMem(kind)
#define __drv_allocatesMem(kind)
#define __drv_maxIRQL(irql)
#define __drv_sameIRQL
#define __drv_dispatchType(major)

#endif
