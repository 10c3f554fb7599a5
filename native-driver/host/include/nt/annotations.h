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

/* The annotations of older declarations. */
#define IN
#define OUT
#define OPTIONAL

/* The rest of SAL, so that a driver may use any of it. */
#define _Acquires_nonreentrant_lock_(a)
#define _Always_(a)
#define _Analysis_assume_lock_acquired_(a)
#define _Analysis_assume_lock_held_(a)
#define _Analysis_assume_lock_not_held_(a)
#define _Analysis_assume_lock_released_(a)
#define _Analysis_assume_nullterminated_(a)
#define _Analysis_assume_same_lock_(a, b)
#define _Analysis_mode_(a)
#define _Analysis_suppress_lock_checking_(a)
#define _At_buffer_(a, b, c, d)
#define _Benign_race_begin_
#define _Benign_race_end_
#define _COM_Outptr_
#define _COM_Outptr_opt_
#define _COM_Outptr_opt_result_maybenull_
#define _COM_Outptr_result_maybenull_
#define _Called_from_function_class_(a)
#define _Const_
#define _Create_lock_level_(a)
#define _Csalcat1_(a, b)
#define _Csalcat2_(a, b)
#define _Deref_in_range_(a, b)
#define _Deref_inout_range_(a, b)
#define _Deref_opt_out_
#define _Deref_opt_out_opt_
#define _Deref_out_
#define _Deref_out_opt_
#define _Deref_out_range_(a, b)
#define _Deref_ret_range_(a, b)
#define _Enum_is_bitflag_
#define _Field_range_(a, b)
#define _Field_size_bytes_full_(a)
#define _Field_size_bytes_full_opt_(a)
#define _Field_size_bytes_part_(a, b)
#define _Field_size_bytes_part_opt_(a, b)
#define _Field_size_full_(a)
#define _Field_size_full_opt_(a)
#define _Field_size_part_(a, b)
#define _Field_size_part_opt_(a, b)
#define _Flt_CompletionContext_Outptr_
#define _Format_string_impl_(a, b)
#define _Function_ignore_lock_checking_(a)
#define _Group_(a)
#define _Has_lock_level_(a)
#define _IRQL_always_function_max_(a)
#define _IRQL_always_function_min_(a)
#define _IRQL_is_cancel_
#define _IRQL_limited_to_(a)
#define _In_bytecount_(a)
#define _In_bytecount_c_(a)
#define _In_bytecount_x_(a)
#define _In_count_(a)
#define _In_count_c_(a)
#define _In_count_x_(a)
#define _In_function_class_(a)
#define _In_opt_bytecount_(a)
#define _In_opt_bytecount_c_(a)
#define _In_opt_bytecount_x_(a)
#define _In_opt_count_(a)
#define _In_opt_count_c_(a)
#define _In_opt_count_x_(a)
#define _In_opt_ptrdiff_count_(a)
#define _In_opt_z_
#define _In_opt_z_bytecount_(a)
#define _In_opt_z_bytecount_c_(a)
#define _In_opt_z_count_(a)
#define _In_opt_z_count_c_(a)
#define _In_ptrdiff_count_(a)
#define _In_reads_opt_z_(a)
#define _In_reads_or_z_(a)
#define _In_reads_or_z_opt_(a)
#define _In_reads_to_ptr_(a)
#define _In_reads_to_ptr_opt_(a)
#define _In_reads_to_ptr_opt_z_(a)
#define _In_reads_to_ptr_z_(a)
#define _In_reads_z_(a)
#define _In_z_bytecount_(a)
#define _In_z_bytecount_c_(a)
#define _In_z_count_(a)
#define _In_z_count_c_(a)
#define _Inout_bytecap_(a)
#define _Inout_bytecap_c_(a)
#define _Inout_bytecap_x_(a)
#define _Inout_bytecount_(a)
#define _Inout_bytecount_c_(a)
#define _Inout_bytecount_x_(a)
#define _Inout_cap_(a)
#define _Inout_cap_c_(a)
#define _Inout_cap_x_(a)
#define _Inout_count_(a)
#define _Inout_count_c_(a)
#define _Inout_count_x_(a)
#define _Inout_opt_bytecap_(a)
#define _Inout_opt_bytecap_c_(a)
#define _Inout_opt_bytecap_x_(a)
#define _Inout_opt_bytecount_(a)
#define _Inout_opt_bytecount_c_(a)
#define _Inout_opt_bytecount_x_(a)
#define _Inout_opt_cap_(a)
#define _Inout_opt_cap_c_(a)
#define _Inout_opt_cap_x_(a)
#define _Inout_opt_count_(a)
#define _Inout_opt_count_c_(a)
#define _Inout_opt_count_x_(a)
#define _Inout_opt_ptrdiff_count_(a)
#define _Inout_opt_z_
#define _Inout_opt_z_bytecap_(a)
#define _Inout_opt_z_bytecap_c_(a)
#define _Inout_opt_z_bytecap_x_(a)
#define _Inout_opt_z_bytecount_(a)
#define _Inout_opt_z_bytecount_c_(a)
#define _Inout_opt_z_cap_(a)
#define _Inout_opt_z_cap_c_(a)
#define _Inout_opt_z_cap_x_(a)
#define _Inout_opt_z_count_(a)
#define _Inout_opt_z_count_c_(a)
#define _Inout_ptrdiff_count_(a)
#define _Inout_updates_all_(a)
#define _Inout_updates_all_opt_(a)
#define _Inout_updates_bytes_all_(a)
#define _Inout_updates_bytes_all_opt_(a)
#define _Inout_updates_bytes_opt_(a)
#define _Inout_updates_bytes_to_(a, b)
#define _Inout_updates_bytes_to_opt_(a, b)
#define _Inout_updates_opt_z_(a)
#define _Inout_updates_to_(a, b)
#define _Inout_updates_to_opt_(a, b)
#define _Inout_updates_z_(a)
#define _Inout_z_
#define _Inout_z_bytecap_(a)
#define _Inout_z_bytecap_c_(a)
#define _Inout_z_bytecap_x_(a)
#define _Inout_z_bytecount_(a)
#define _Inout_z_bytecount_c_(a)
#define _Inout_z_cap_(a)
#define _Inout_z_cap_c_(a)
#define _Inout_z_cap_x_(a)
#define _Inout_z_count_(a)
#define _Inout_z_count_c_(a)
#define _Internal_lock_level_order_(a, b)
#define _Kernel_acquires_resource_(a)
#define _Kernel_float_saved_
#define _Kernel_releases_resource_(a)
#define _Kernel_requires_resource_held_(a)
#define _Literal_
#define _Lock_level_order_(a, b)
#define _Maybe_raises_SEH_exception_
#define _Maybenull_
#define _Notliteral_
#define _Notnull_
#define _Notvalid_
#define _NullNull_terminated_
#define _Null_
#define _On_failure_(a)
#define _Out_bytecap_(a)
#define _Out_bytecap_c_(a)
#define _Out_bytecap_post_bytecount_(a, b)
#define _Out_bytecap_x_(a)
#define _Out_bytecapcount_(a)
#define _Out_bytecapcount_x_(a)
#define _Out_cap_(a)
#define _Out_cap_c_(a)
#define _Out_cap_m_(a, b)
#define _Out_cap_post_count_(a, b)
#define _Out_cap_x_(a)
#define _Out_capcount_(a)
#define _Out_capcount_x_(a)
#define _Out_opt_bytecap_(a)
#define _Out_opt_bytecap_c_(a)
#define _Out_opt_bytecap_post_bytecount_(a, b)
#define _Out_opt_bytecap_x_(a)
#define _Out_opt_bytecapcount_(a)
#define _Out_opt_bytecapcount_x_(a)
#define _Out_opt_cap_(a)
#define _Out_opt_cap_c_(a)
#define _Out_opt_cap_m_(a, b)
#define _Out_opt_cap_post_count_(a, b)
#define _Out_opt_cap_x_(a)
#define _Out_opt_capcount_(a)
#define _Out_opt_capcount_x_(a)
#define _Out_opt_ptrdiff_cap_(a)
#define _Out_opt_z_bytecap_(a)
#define _Out_opt_z_bytecap_c_(a)
#define _Out_opt_z_bytecap_post_bytecount_(a, b)
#define _Out_opt_z_bytecap_x_(a)
#define _Out_opt_z_bytecapcount_(a)
#define _Out_opt_z_cap_(a)
#define _Out_opt_z_cap_c_(a)
#define _Out_opt_z_cap_m_(a, b)
#define _Out_opt_z_cap_post_count_(a, b)
#define _Out_opt_z_cap_x_(a)
#define _Out_opt_z_capcount_(a)
#define _Out_ptrdiff_cap_(a)
#define _Out_writes_all_(a)
#define _Out_writes_all_opt_(a)
#define _Out_writes_bytes_all_(a)
#define _Out_writes_bytes_all_opt_(a)
#define _Out_writes_opt_z_(a)
#define _Out_writes_to_opt_(a, b)
#define _Out_writes_to_ptr_(a)
#define _Out_writes_to_ptr_opt_(a)
#define _Out_writes_to_ptr_opt_z_(a)
#define _Out_writes_to_ptr_z_(a)
#define _Out_writes_z_(a)
#define _Out_z_bytecap_(a)
#define _Out_z_bytecap_c_(a)
#define _Out_z_bytecap_post_bytecount_(a, b)
#define _Out_z_bytecap_x_(a)
#define _Out_z_bytecapcount_(a)
#define _Out_z_cap_(a)
#define _Out_z_cap_c_(a)
#define _Out_z_cap_m_(a, b)
#define _Out_z_cap_post_count_(a, b)
#define _Out_z_cap_x_(a)
#define _Out_z_capcount_(a)
#define _Outptr_opt_result_buffer_(a)
#define _Outptr_opt_result_buffer_all_(a)
#define _Outptr_opt_result_buffer_all_maybenull_(a)
#define _Outptr_opt_result_buffer_maybenull_(a)
#define _Outptr_opt_result_buffer_to_(a, b)
#define _Outptr_opt_result_buffer_to_maybenull_(a, b)
#define _Outptr_opt_result_bytebuffer_(a)
#define _Outptr_opt_result_bytebuffer_all_(a)
#define _Outptr_opt_result_bytebuffer_all_maybenull_(a)
#define _Outptr_opt_result_bytebuffer_maybenull_(a)
#define _Outptr_opt_result_bytebuffer_to_(a, b)
#define _Outptr_opt_result_bytebuffer_to_maybenull_(a, b)
#define _Outptr_opt_result_maybenull_
#define _Outptr_opt_result_maybenull_z_
#define _Outptr_opt_result_nullonfailure_
#define _Outptr_opt_result_z_
#define _Outptr_result_buffer_all_(a)
#define _Outptr_result_buffer_all_maybenull_(a)
#define _Outptr_result_buffer_maybenull_(a)
#define _Outptr_result_buffer_to_(a, b)
#define _Outptr_result_buffer_to_maybenull_(a, b)
#define _Outptr_result_bytebuffer_all_(a)
#define _Outptr_result_bytebuffer_all_maybenull_(a)
#define _Outptr_result_bytebuffer_maybenull_(a)
#define _Outptr_result_bytebuffer_to_(a, b)
#define _Outptr_result_bytebuffer_to_maybenull_(a, b)
#define _Outptr_result_maybenull_z_
#define _Outptr_result_nullonfailure_
#define _Outptr_result_z_
#define _Outref_
#define _Outref_result_buffer_(a)
#define _Outref_result_buffer_all_(a)
#define _Outref_result_buffer_all_maybenull_(a)
#define _Outref_result_buffer_maybenull_(a)
#define _Outref_result_buffer_to_(a, b)
#define _Outref_result_buffer_to_maybenull_(a, b)
#define _Outref_result_bytebuffer_(a)
#define _Outref_result_bytebuffer_all_(a)
#define _Outref_result_bytebuffer_all_maybenull_(a)
#define _Outref_result_bytebuffer_maybenull_(a)
#define _Outref_result_bytebuffer_to_(a, b)
#define _Outref_result_bytebuffer_to_maybenull_(a, b)
#define _Outref_result_maybenull_
#define _Outref_result_nullonfailure_
#define _Points_to_data_
#define _Post_equal_to_(a)
#define _Post_equals_last_error_
#define _Post_invalid_
#define _Post_ptr_invalid_
#define _Post_readable_byte_size_(a)
#define _Post_readable_size_(a)
#define _Post_same_lock_(a, b)
#define _Post_writable_byte_size_(a)
#define _Post_writable_size_(a)
#define _Pre_equal_to_(a)
#define _Pre_notnull_
#define _Pre_readable_byte_size_(a)
#define _Pre_readable_size_(a)
#define _Pre_writable_byte_size_(a)
#define _Pre_writable_size_(a)
#define _Printf_format_string_params_(a)
#define _Raises_SEH_exception_
#define _Readable_bytes_(a)
#define _Readable_elements_(a)
#define _Releases_nonreentrant_lock_(a)
#define _Requires_no_locks_held_
#define _Result_nullonfailure_
#define _Result_zeroonfailure_
#define _Ret_maybenull_z_
#define _Ret_null_
#define _Ret_range_(a, b)
#define _Ret_valid_
#define _Ret_writes_(a)
#define _Ret_writes_bytes_(a)
#define _Ret_writes_bytes_maybenull_(a)
#define _Ret_writes_bytes_to_(a, b)
#define _Ret_writes_bytes_to_maybenull_(a, b)
#define _Ret_writes_maybenull_(a)
#define _Ret_writes_maybenull_z_(a)
#define _Ret_writes_to_(a, b)
#define _Ret_writes_to_maybenull_(a, b)
#define _Ret_writes_z_(a)
#define _Ret_z_
#define _Return_type_success_(a)
#define _Scanf_format_string_
#define _Scanf_format_string_params_(a)
#define _Scanf_s_format_string_
#define _Scanf_s_format_string_params_(a)
#define _Strict_type_match_
#define _Unchanged_(a)
#define _Unreferenced_parameter_
#define _Writable_bytes_(a)
#define _Writable_elements_(a)

#endif
