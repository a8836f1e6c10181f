/* SPDX-License-Identifier: MIT
 *
 * Which names are near to a wrong one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include "base/near.h"

static void assert_near(const char *word, const char *names, const char *hint)
{
    struct apg_near near = apg_near_to(word, strlen(word));
    apg_near_try_names(&near, names);
    assert_string_equal(apg_near_hint(&near), hint);
}

static void one_is_near(void **state)
{
    (void)state;
    const char *commands = "collapse|predict|train";
    assert_near("trian", commands, "; did you mean 'train'?");
    assert_near("rtain", commands, "; did you mean 'train'?");
    assert_near("tran", commands, "; did you mean 'train'?");
    assert_near("traiin", commands, "; did you mean 'train'?");
    assert_near("Predikt", commands, "; did you mean 'predict'?");
    assert_near("ocupation", "age|occupation|user_id", "; did you mean 'occupation'?");
    assert_near("User-ID", "age|occupation|user_id", "; did you mean 'user_id'?");
    assert_near("DeepFM", "dnn|deepfm|xdeepfm", "; did you mean 'deepfm'?");
    assert_near("v6", "shared|overparam|v4=shared", "");
    assert_near("V4", "shared|overparam|v4=shared", "; did you mean 'v4'?");
}

static void two_are_as_near_or_too_many(void **state)
{
    (void)state;
    assert_near("dxn", "dnn|dcn|pnn", "; did you mean 'dnn' or 'dcn'?");
    assert_near("c40", "c1|c4|c10|c41|c42", "");
}

static void none_is_near(void **state)
{
    (void)state;
    const char *commands = "collapse|predict|train";
    assert_near("score", commands, "");
    assert_near("", commands, "");
    assert_near("x", "y|z", "");
    assert_near("id", "is", "");
    assert_near("user", "user_id", "");
    assert_near("train", "", "");
    char longer[100];
    memset(longer, 'a', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_near(longer, longer, "");
    longer[APG_NEAR_BYTES] = '\0';
    struct apg_near near = apg_near_to(longer, strlen(longer));
    apg_near_try(&near, longer, strlen(longer));
    assert_int_equal(strlen(apg_near_hint(&near)), strlen("; did you mean ''?") + APG_NEAR_BYTES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_near),
        cmocka_unit_test(two_are_as_near_or_too_many),
        cmocka_unit_test(none_is_near),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
