/* SPDX-License-Identifier: Apache-2.0
 *
 * Threads that race: some have a task and end with it, others repeat a step until those are done.
 */
#ifndef TESTS_SUPPORT_RACE_H
#define TESTS_SUPPORT_RACE_H

#include <atomic>
#include <thread>
#include <utility>
#include <vector>

class Race {
  public:
    Race() = default;
    Race(const Race&) = delete;
    Race& operator=(const Race&) = delete;
    ~Race()
    {
        Stop();
    }

    /* Starts a thread with a task. */
    template <class Task> void Run(Task task)
    {
        tasks_.emplace_back(std::move(task));
    }
    /* Starts a thread that repeats the step. */
    template <class Step> void Repeat(Step step)
    {
        repeaters_.emplace_back([this, step]() mutable {
            while (!stopped_) {
                step();
            }
        });
    }
    /* Waits for the tasks. */
    void Join()
    {
        JoinAll(&tasks_);
    }
    /* Waits for the tasks, and ends the steps. */
    void Stop()
    {
        Join();
        stopped_ = true;
        JoinAll(&repeaters_);
    }

  private:
    static void JoinAll(std::vector<std::thread>* threads)
    {
        for (std::thread& thread : *threads) {
            thread.join();
        }
        threads->clear();
    }

    std::vector<std::thread> tasks_;
    std::vector<std::thread> repeaters_;
    std::atomic<bool> stopped_{false};
};

#endif
