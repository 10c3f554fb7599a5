// SPDX-License-Identifier: Apache-2.0
package org.wskbridge.internal.memory;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodHandles.Lookup;
import java.lang.invoke.MethodType;
import java.nio.Buffer;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;

/**
 * Distinguishes two kinds of direct buffers: those whose memory stays as long as they are reachable, and those whose
 * memory the owner can free before. The latter are views of memory segments, whose arena can be closed while the driver
 * still has the address.
 *
 * <p>The JDK holds an arena open while one of its channels uses the memory; it has no public way for others to do so.
 * So a buffer counts as ordinary only if the scope of its segment is of the very class that the scope of an ordinary
 * direct buffer has, or that of the arena that is never closed. Everything else, also a kind of scope of a
 * future JDK, is treated as memory that may be freed.
 *
 * <p>The API is looked up by name, because this library also runs on JDKs that don't have it: java.lang.foreign, or its
 * incubator in JDK 17 and 18 if the program has it among its modules. Without the API there are no such buffers.
 */
final class ForeignMemory {
    /** How long the memory of a direct buffer stays. */
    enum Kind {
        /** As long as the buffer is reachable. */
        ORDINARY,
        /** Until its owner frees it, which any thread may do. */
        CLOSABLE,
        /** The same, and only one thread may touch it meanwhile. */
        CONFINED
    }

    private static final Logger LOGGER = System.getLogger(ForeignMemory.class.getName());
    private static final List<String> CLASSES =
            List.of("java.lang.foreign.MemorySegment", "jdk.incubator.foreign.MemorySegment");

    /** A thread that owns no segment, because it never runs. */
    private static final Thread STRANGER = new Thread(() -> {}, "wskbridge-stranger");

    /** (ByteBuffer)Object: the scope of a buffer's segment. Null if there are no segments, or none can be looked at. */
    private static final MethodHandle SCOPE;

    /** The answer for every direct buffer when SCOPE is null. */
    private static final Kind UNTOLD;

    /** (ByteBuffer, Thread)boolean: whether a thread may touch a buffer's segment. */
    private static final MethodHandle ACCESSIBLE;

    private static final Class<?> ORDINARY_SCOPE;

    /** Of the arena that is never closed; ORDINARY_SCOPE if the JDK doesn't tell. */
    private static final Class<?> GLOBAL_SCOPE;

    static {
        Kind untold = Kind.ORDINARY;
        MethodHandle scope = null;
        MethodHandle accessible = null;
        Class<?> ordinary = Object.class;
        Class<?> global = Object.class;
        Optional<Class<?>> segment =
                CLASSES.stream().flatMap(name -> find(name).stream()).findFirst();
        if (segment.isPresent()) {
            try {
                MethodHandle ofBuffer = ofBuffer(segment.get());
                MethodHandle scopeOfSegment = scopeOf(segment.get());
                scope = MethodHandles.filterReturnValue(
                        ofBuffer, scopeOfSegment.asType(MethodType.methodType(Object.class, segment.get())));
                accessible = MethodHandles.filterArguments(accessibleBy(segment.get()), 0, ofBuffer);
                ordinary = ((Object) scope.invokeExact(ByteBuffer.allocateDirect(1))).getClass();
                global = globalScope(segment.get(), scopeOfSegment).orElse(ordinary);
            } catch (Throwable e) { // a JDK on which this was never tried
                LOGGER.log(Level.WARNING, "direct buffers can't be told from views of segments; all are copied", e);
                scope = null;
                untold = Kind.CLOSABLE;
            }
        }
        UNTOLD = untold;
        SCOPE = scope;
        ACCESSIBLE = accessible;
        ORDINARY_SCOPE = ordinary;
        GLOBAL_SCOPE = global;
    }

    private ForeignMemory() {}

    private static Optional<Class<?>> find(String name) {
        String module = name.startsWith("java.lang") ? "java.base" : "jdk.incubator.foreign";
        return ModuleLayer.boot().findModule(module).map(found -> Class.forName(found, name));
    }

    private static Lookup lookup() {
        return MethodHandles.publicLookup();
    }

    /** (ByteBuffer)MemorySegment */
    private static MethodHandle ofBuffer(Class<?> segment) throws ReflectiveOperationException {
        MethodHandle found;
        try {
            found = lookup().findStatic(segment, "ofBuffer", MethodType.methodType(segment, Buffer.class));
        } catch (NoSuchMethodException e) { // JDK 17 and 18
            found = lookup().findStatic(segment, "ofByteBuffer", MethodType.methodType(segment, ByteBuffer.class));
        }
        return found.asType(MethodType.methodType(segment, ByteBuffer.class));
    }

    /** (MemorySegment)scope, whatever the type of a scope is called */
    private static MethodHandle scopeOf(Class<?> segment) throws ReflectiveOperationException {
        for (String name : List.of("scope", "session")) {
            for (var method : segment.getMethods()) {
                if (method.getName().equals(name) && method.getParameterCount() == 0) {
                    return lookup().unreflect(method);
                }
            }
        }
        throw new NoSuchMethodException(segment + " has no scope");
    }

    /** (MemorySegment, Thread)boolean */
    private static MethodHandle accessibleBy(Class<?> segment) throws ReflectiveOperationException {
        MethodType asked = MethodType.methodType(boolean.class, segment, Thread.class);
        MethodHandle scope = scopeOf(segment);
        for (Class<?> holder : List.of(segment, scope.type().returnType())) {
            MethodHandle found;
            try {
                found = lookup().findVirtual(
                                holder, "isAccessibleBy", MethodType.methodType(boolean.class, Thread.class));
            } catch (NoSuchMethodException e) {
                try {
                    MethodHandle owner =
                            lookup().findVirtual(holder, "ownerThread", MethodType.methodType(Thread.class));
                    MethodHandle isOwner = MethodHandles.lookup()
                            .findStatic(
                                    ForeignMemory.class,
                                    "isOwner",
                                    MethodType.methodType(boolean.class, Thread.class, Thread.class));
                    found = MethodHandles.filterArguments(isOwner, 0, owner);
                } catch (NoSuchMethodException none) {
                    continue;
                }
            }
            return holder == segment
                    ? found
                    : MethodHandles.filterArguments(found, 0, scope).asType(asked);
        }
        throw new NoSuchMethodException(segment + " doesn't tell its thread");
    }

    private static boolean isOwner(Thread owner, Thread thread) {
        return owner == null || owner == thread;
    }

    private static Optional<Class<?>> globalScope(Class<?> segment, MethodHandle scope) throws Throwable {
        try {
            Object none = lookup().findStaticGetter(segment, "NULL", segment).invoke();
            return Optional.of(scope.invoke(none).getClass());
        } catch (NoSuchFieldException e) {
            return Optional.empty();
        }
    }

    /** How long the memory of a direct buffer stays. */
    static Kind of(ByteBuffer direct) {
        if (SCOPE == null) {
            return UNTOLD;
        }
        try {
            Class<?> scope = ((Object) SCOPE.invokeExact(direct)).getClass();
            if (scope == ORDINARY_SCOPE || scope == GLOBAL_SCOPE) {
                return Kind.ORDINARY;
            }
            return (boolean) ACCESSIBLE.invokeExact(direct, STRANGER) ? Kind.CLOSABLE : Kind.CONFINED;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
