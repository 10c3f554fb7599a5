// SPDX-License-Identifier: Apache-2.0
package org.wskbridge;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.lang.reflect.Method;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;

/** Arenas and memory segments of JDK 22 and later, by reflection: tests are compiled for JDK 17. */
final class Arenas {
    /** An arena and a buffer over memory of it. */
    record Memory(AutoCloseable arena, ByteBuffer buffer) {
        void free() throws Exception {
            arena.close();
        }
    }

    private Arenas() {}

    private static void assumeThereAreArenas() {
        assumeTrue(Runtime.version().feature() >= 22, "arenas came with JDK 22");
    }

    private static Object call(Class<?> type, Object on, String method, Class<?>[] types, Object... arguments)
            throws ReflectiveOperationException {
        Method found = type.getMethod(method, types);
        return found.invoke(on, arguments);
    }

    private static Class<?> arenas() throws ReflectiveOperationException {
        return Class.forName("java.lang.foreign.Arena");
    }

    private static ByteBuffer asByteBuffer(Object segment) throws ReflectiveOperationException {
        Class<?> segments = Class.forName("java.lang.foreign.MemorySegment");
        return (ByteBuffer) call(segments, segment, "asByteBuffer", new Class<?>[0]);
    }

    /** @param kind ofShared, ofConfined, ofAuto or global */
    static Memory allocate(String kind, int size) throws ReflectiveOperationException {
        assumeThereAreArenas();
        Object arena = call(arenas(), null, kind, new Class<?>[0]);
        Object segment = call(arenas(), arena, "allocate", new Class<?>[] {long.class, long.class}, (long) size, 8L);
        return new Memory((AutoCloseable) arena, asByteBuffer(segment));
    }

    /** Maps a file for as long as a shared arena lives. */
    static Memory map(FileChannel file, int size) throws ReflectiveOperationException {
        assumeThereAreArenas();
        Object arena = call(arenas(), null, "ofShared", new Class<?>[0]);
        Object segment = call(
                FileChannel.class,
                file,
                "map",
                new Class<?>[] {FileChannel.MapMode.class, long.class, long.class, arenas()},
                FileChannel.MapMode.READ_WRITE,
                0L,
                (long) size,
                arena);
        return new Memory((AutoCloseable) arena, asByteBuffer(segment));
    }
}
