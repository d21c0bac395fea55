/* SPDX-License-Identifier: Apache-2.0
 *
 * Sets of tuning records (records.h). tune.hpp measures.
 */
#ifndef RNNPACK_CPP_RECORDS_HPP
#define RNNPACK_CPP_RECORDS_HPP

#include "rnnpack/cpp/base.hpp"
#include "rnnpack/packed.h"
#include "rnnpack/tune.h"

RNNP_CPP_BEGIN

/* A handle of a set. The empty handle stands for no records. */
class records {
  public:
    records() noexcept = default;

    static result<records> make(const context &context)
    {
        return open(context, [&](rnnp_records **set) { return rnnp_records_create(context.get(), set); });
    }
    static result<records> open_file(const context &context, const std::string &path)
    {
        return open(context,
                    [&](rnnp_records **set) { return rnnp_records_open_file(context.get(), path.c_str(), set); });
    }
    /* messages call the text `name` */
    static result<records> open_memory(const context &context, const std::string &name, const std::string &text)
    {
        return open(context, [&](rnnp_records **set) {
            return rnnp_records_open_memory(context.get(), name.c_str(), text.data(), text.size(), set);
        });
    }
    /* The first file of those that rnnp_records_open_default() knows; `file` receives its path, "" for none. */
    static result<records> open_default(const context &context, const char *path = nullptr, std::string *file = nullptr)
    {
        std::string found(RNNP_RECORDS_PATH, '\0');
        auto call = [&](rnnp_records **set) {
            const rnnp_status status = rnnp_records_open_default(context.get(), path, found.data(), set);
            if (status == RNNP_OK && file) *file = found.c_str();
            return status;
        };
        return open(context, call);
    }

    size_t size() const noexcept { return rnnp_records_count(get()); }
    /* Copies of a record and its host. */
    result<std::pair<rnnp_record_host, rnnp_record>> at(size_t index) const
    {
        using both = std::pair<rnnp_record_host, rnnp_record>;
        const rnnp_record_host *host = nullptr;
        const rnnp_record *record = nullptr;
        const rnnp_status status = rnnp_records_get(get(), index, &host, &record);
        if (status != RNNP_OK) return detail::fail<both>(context_, status);
        return both(*host, *record);
    }

    result<void> add(const rnnp_record_host &host, const rnnp_record &record)
    {
        return detail::check(context_, rnnp_records_add(get(), &host, &record));
    }
    result<void> merge(const records &other) { return detail::check(context_, rnnp_records_merge(get(), other.get())); }
    uint64_t date(const rnnp_record_host &host, const rnnp_record_key &key, uint64_t now) const
    {
        return rnnp_records_date(get(), &host, &key, now);
    }
    /* Removes the records for which keep(host, record) is false; returns how many. All that follow an exception of keep
     * are kept. */
    template <class F> size_t keep(F &&keep)
    {
        auto call = [&keep](const rnnp_record_host *h, const rnnp_record *r) { return keep(*h, *r) ? 1 : 0; };
        detail::callback guarded(call);
        const size_t removed = rnnp_records_keep(
            get(),
            [](void *user, const rnnp_record_host *h, const rnnp_record *r) {
                return (*static_cast<decltype(guarded) *>(user))(1, h, r);
            },
            &guarded);
        guarded.rethrow();
        return removed;
    }
    /* The record of a key, or why there is none; pointers are valid until the set changes. The set may be empty. */
    result<with_size<rnnp_record_found>> find(const rnnp_record_host &host, const rnnp_record_key &key) const
    {
        return detail::get<with_size<rnnp_record_found>>(
            context_, [&](auto *found) { return rnnp_records_find(get(), &host, &key, nullptr, nullptr, found); });
    }

    result<std::string> text() const
    {
        std::string text;
        const rnnp_status status = rnnp_records_write(get(), detail::append<std::string>, &text);
        return detail::value_of(context_, status, std::move(text));
    }
    /* Merges the set and a file: afterwards both hold the records of both. */
    result<void> update(const std::string &path, unsigned wait_ms = RNNP_RECORDS_WAIT_MS)
    {
        return detail::check(context_, rnnp_records_update(get(), path.c_str(), wait_ms));
    }

    /* Lets edit(records &), which returns a status, change what a file holds; only after RNNP_OK is it written. */
    template <class F>
    static result<void> edit(const context &context, const std::string &path, F &&edit,
                             unsigned wait_ms = RNNP_RECORDS_WAIT_MS)
    {
        auto call = [&](rnnp_records *set) {
            records view;
            view.context_ = context.get();
            view.raw_ = std::shared_ptr<rnnp_records>(set, [](rnnp_records *) {}); /* the library's */
            return edit(view);
        };
        detail::callback guarded(call);
        const rnnp_status status = rnnp_records_edit(
            context.get(), path.c_str(), wait_ms,
            [](void *user, rnnp_records *set) {
                return (*static_cast<decltype(guarded) *>(user))(RNNP_ERR_STATE, set);
            },
            &guarded);
        guarded.rethrow();
        return detail::check(context.get(), status);
    }

    rnnp_records *get() const noexcept { return raw_.get(); }
    const std::shared_ptr<rnnp_records> &shared() const noexcept { return raw_; }

  private:
    template <class F> static result<records> open(const context &context, F call)
    {
        records made;
        rnnp_records *raw = nullptr;
        const rnnp_status status = call(&raw);
        if (status != RNNP_OK) return detail::fail<records>(context.get(), status);
        made.context_ = context.get();
        made.raw_ = detail::own(raw, rnnp_records_destroy, context.shared());
        return result<records>(std::move(made));
    }

    const rnnp_context *context_ = nullptr;
    std::shared_ptr<rnnp_records> raw_;
};

/* This process on this host, as records name it. */
inline result<rnnp_record_host> record_host(const context &context)
{
    return detail::get<rnnp_record_host>(context.get(),
                                         [&](auto *host) { return rnnp_records_host(context.get(), host); });
}
/* The file that this user's records belong in. */
inline result<std::string> own_records_file(const context &context, const char *path = nullptr, bool create = false)
{
    std::string file(RNNP_RECORDS_PATH, '\0');
    const rnnp_status status = rnnp_records_own_file(context.get(), path, create, file.data());
    return detail::value_of(context.get(), status, std::string(file.c_str()));
}

RNNP_CPP_END
#endif
