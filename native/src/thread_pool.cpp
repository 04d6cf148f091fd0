#include "intermodel/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

namespace intermodel {
namespace {

/// One parallel loop: indices are taken one by one from `next`; whoever finishes the last one wakes the caller.
struct Loop {
  LoopBody body;
  void* context;
  std::size_t count;
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> finished{0};
  std::mutex mutex;
  std::condition_variable done;

  void run() {
    std::size_t ran = 0;
    for (std::size_t index; (index = next.fetch_add(1, std::memory_order_relaxed)) < count; ++ran) body(context, index);
    if (ran == 0) return;
    if (finished.fetch_add(ran, std::memory_order_acq_rel) + ran == count) {
      std::lock_guard lock(mutex);
      done.notify_all();
    }
  }

  void wait() {
    std::unique_lock lock(mutex);
    done.wait(lock, [this] { return finished.load(std::memory_order_acquire) == count; });
  }
};

/// Workers and their queue. Never destroyed: threads may still be parked in it when the process exits.
class Pool {
 public:
  static Pool& instance() {
    static Pool* pool = new Pool;
    return *pool;
  }

  /// Makes sure that at least `count` workers exist.
  void grow(int count) {
    std::lock_guard lock(mutex_);
    for (; workers_ < count; ++workers_) std::thread([this] { work(); }).detach();
  }

  /// Loops go to the front, because somebody is waiting for them.
  void offer(const std::shared_ptr<Loop>& loop, int helpers) {
    {
      std::lock_guard lock(mutex_);
      for (int i = 0; i < helpers; ++i) queue_.push_front([loop] { loop->run(); });
    }
    if (helpers == 1) {
      wake_.notify_one();
    } else {
      wake_.notify_all();
    }
  }

  /// Background tasks go to the back.
  void add(std::function<void()> task) {
    {
      std::lock_guard lock(mutex_);
      queue_.push_back(std::move(task));
    }
    wake_.notify_one();
  }

 private:
  void work() {
    for (;;) {
      std::function<void()> task;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !queue_.empty(); });
        task = std::move(queue_.front());
        queue_.pop_front();
      }
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> queue_;
  int workers_ = 0;
};

}  // namespace

int hardwareThreads() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

void parallelFor(int threads, std::size_t count, LoopBody body, void* context) {
  const auto allowed = static_cast<std::size_t>(std::clamp(threads, 1, kMaxThreads));
  const std::size_t wanted = std::min(allowed, count);
  if (wanted <= 1) {
    for (std::size_t index = 0; index < count; ++index) body(context, index);
    return;
  }
  const int helpers = static_cast<int>(wanted) - 1;
  Pool& pool = Pool::instance();
  pool.grow(helpers);
  auto loop = std::make_shared<Loop>();
  loop->body = body;
  loop->context = context;
  loop->count = count;
  pool.offer(loop, helpers);
  loop->run();
  loop->wait();
}

void runInBackground(std::function<void()> task) {
  Pool& pool = Pool::instance();
  pool.grow(std::max(2, hardwareThreads()));
  pool.add(std::move(task));
}

}  // namespace intermodel
