#include "intermodel/thread_pool.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <system_error>
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
  std::atomic<bool> failed{false};
  std::exception_ptr error;  // written once, by whoever set `failed`
  std::mutex mutex;
  std::condition_variable done;

  void run() noexcept {
    std::size_t ran = 0;
    for (std::size_t index; (index = next.fetch_add(1, std::memory_order_relaxed)) < count; ++ran) runOne(index);
    if (ran == 0) return;
    if (finished.fetch_add(ran, std::memory_order_acq_rel) + ran == count) {
      std::lock_guard lock(mutex);
      done.notify_all();
    }
  }

  /// A body that throws must not end the thread it happens to run on; its caller hears of it.
  void runOne(std::size_t index) noexcept {
    if (failed.load(std::memory_order_relaxed)) return;
    try {
      body(context, index);
    } catch (...) {
      if (!failed.exchange(true)) error = std::current_exception();
    }
  }

  void wait() {
    std::unique_lock lock(mutex);
    done.wait(lock, [this] { return finished.load(std::memory_order_acquire) == count; });
  }
};

/// Workers and their two queues: helpers of loops, whose callers are waiting, go before background tasks.
class Pool {
 public:
  static Pool& instance() {
    static Pool* pool = new Pool;
    return *pool;
  }

  /// Makes sure that at least `count` workers exist, or as many as the system allows.
  void grow(int count) {
    std::lock_guard lock(mutex_);
    try {
      for (; workers_ < count; ++workers_) std::thread([this] { work(); }).detach();
    } catch (const std::system_error&) {
      if (workers_ == 0) throw;
    }
  }

  void offer(const std::shared_ptr<Loop>& loop, int helpers) {
    {
      std::lock_guard lock(mutex_);
      loops_.insert(loops_.end(), static_cast<std::size_t>(helpers), loop);
    }
    if (helpers == 1) {
      wake_.notify_one();
    } else {
      wake_.notify_all();
    }
  }

  /// Offers that were not taken up; without this they would pile up while every worker is busy.
  void retract(const std::shared_ptr<Loop>& loop) {
    std::lock_guard lock(mutex_);
    std::erase(loops_, loop);
  }

  TaskId add(std::function<void()> run) {
    TaskId id = 0;
    {
      std::lock_guard lock(mutex_);
      id = ++lastTask_;
      tasks_.push_back({id, std::move(run)});
    }
    wake_.notify_one();
    return id;
  }

  bool withdraw(TaskId id) {
    Task taken;  // destroyed after the lock is released: what it holds may be large
    std::lock_guard lock(mutex_);
    const auto found = std::find_if(tasks_.begin(), tasks_.end(), [id](const Task& task) { return task.id == id; });
    if (found == tasks_.end()) return false;
    taken = std::move(*found);
    tasks_.erase(found);
    return true;
  }

  int workers() {
    std::lock_guard lock(mutex_);
    return workers_;
  }

 private:
  struct Task {
    TaskId id = 0;
    std::function<void()> run;
  };

  void work() {
    for (;;) {
      std::shared_ptr<Loop> loop;
      Task task;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return !loops_.empty() || !tasks_.empty(); });
        if (!loops_.empty()) {
          loop = std::move(loops_.back());  // the innermost loop first
          loops_.pop_back();
        } else {
          task = std::move(tasks_.front());
          tasks_.pop_front();
        }
      }
      if (loop) {
        loop->run();
      } else {
        task.run();
      }
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::shared_ptr<Loop>> loops_;
  std::deque<Task> tasks_;
  TaskId lastTask_ = 0;
  int workers_ = 0;
};

}  // namespace

int hardwareThreads() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

int poolThreads() { return Pool::instance().workers(); }

void parallelFor(int threads, std::size_t count, LoopBody body, void* context) {
  const auto allowed = static_cast<std::size_t>(std::clamp(threads, 1, kMaxThreads));
  const std::size_t wanted = std::min(allowed, count);
  if (wanted <= 1) {
    for (std::size_t index = 0; index < count; ++index) body(context, index);
    return;
  }
  const int helpers = static_cast<int>(wanted) - 1;
  Pool& pool = Pool::instance();
  auto loop = std::make_shared<Loop>();
  loop->body = body;
  loop->context = context;
  loop->count = count;
  try {
    pool.grow(helpers);
    pool.offer(loop, helpers);
  } catch (const std::system_error&) {
    // no thread can be had: the caller does it all
  }
  loop->run();
  pool.retract(loop);
  loop->wait();
  if (loop->failed.load()) std::rethrow_exception(loop->error);
}

TaskId runInBackground(std::function<void()> task) {
  Pool& pool = Pool::instance();
  pool.grow(std::max(2, hardwareThreads()));
  return pool.add(std::move(task));
}

bool withdraw(TaskId task) { return Pool::instance().withdraw(task); }

}  // namespace intermodel
